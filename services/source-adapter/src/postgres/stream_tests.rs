use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

/// The request for encryption: a length and a code.
const REQUEST: usize = 8;

/// An authority of somebody's own: its root certificate, and a server's for `localhost`.
struct Authority {
    root: String,
    server: Arc<ServerConfig>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let named = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = named.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { root: authority.pem(), server: Arc::new(server) }
    }
}

/// A server that says yes to encryption, begins an encrypted session and hangs up.
fn greeted(server: &TcpListener, authority: Arc<ServerConfig>) -> io::Result<()> {
    let (mut peer, _) = server.accept()?;
    peer.read_exact(&mut [0; REQUEST])?;
    peer.write_all(b"S")?;
    let mut session = ServerConnection::new(authority).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut peer)?;
    }
    Ok(())
}

/// Whether an encrypted session was begun under a DSN with these parameters.
async fn encrypted(authority: &Authority, parameters: &str) -> bool {
    let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let config: Config = toml::from_str(&format!(
        "[source]\nmapping = \"m\"\ncodes = \"c\"\ndsn = \"postgres://u@localhost:{port}/d?{parameters}\"\n\
         [kafka]\nbootstrap = \"127.0.0.1:1\"\n[schema_registry]\nurl = \"http://127.0.0.1:1\"\ncache_dir = \"s\"\n"
    ))
    .unwrap();
    let theirs = Arc::clone(&authority.server);
    let greeted = tokio::task::spawn_blocking(move || greeted(&server, theirs));
    let asked = async {
        let mut stream = PgStream::open(&config, "s", "p", 0).await.unwrap();
        stream.identify().await
    };
    let (asked, greeted) = tokio::join!(asked, greeted);
    assert!(asked.is_err(), "{parameters}: the server hung up");
    greeted.unwrap().is_ok()
}

fn written(folder: &Path, name: &str, root: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, root).unwrap();
    path.to_str().unwrap().replace(' ', "%20")
}

#[tokio::test]
async fn where_the_server_encrypts_the_stream_is_encrypted() {
    let authority = Authority::new();
    for mode in ["prefer", "require"] {
        assert!(encrypted(&authority, &format!("sslmode={mode}")).await, "{mode}");
    }
}

#[tokio::test]
async fn the_stream_trusts_the_root_certificate_of_the_dsn_and_no_other() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let own = written(folder.path(), "the root.pem", &authority.root);
    let others = written(folder.path(), "other.pem", &other.root);
    for mode in ["verify-ca", "verify-full"] {
        for name in ["sslrootcert", "ssl-root-cert", "ssl-ca"] {
            assert!(encrypted(&authority, &format!("sslmode={mode}&{name}={own}")).await, "{mode} {name}");
        }
        assert!(!encrypted(&authority, &format!("sslmode={mode}&sslrootcert={others}")).await, "{mode}");
        assert!(!encrypted(&authority, &format!("sslmode={mode}")).await, "{mode}: signed by nobody known");
    }
}
