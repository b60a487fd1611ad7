//! A relay before a source's server that may tell it more than the adapter does: that everything up to some place is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The request with which a session begins; what comes before it (a question for encryption) has no type either.
const STARTUP: u32 = 196_608;
/// A status update of replication in a data message: `d`, length, `r`, then written, flushed and applied.
const STATUS: u8 = b'r';
/// Where its three positions are in the message's body.
const POSITIONS: [std::ops::Range<usize>; 3] = [1..9, 9..17, 17..25];

/// A running relay; it ends with the test.
pub(super) struct Relay {
    pub(super) port: u16,
    /// What the server is told at least; 0: exactly what the adapter says.
    pub(super) at_least: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

impl Relay {
    /// Listens on a free port for what goes to a port of this machine.
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, at_least) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let told = Arc::clone(&at_least);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    sessions.spawn(pass(client, server, Arc::clone(&told)));
                }
            }
        });
        Self { port, at_least, _listening: listening }
    }
}

/// Passes one session on; either side's end ends both.
async fn pass(client: TcpStream, server: TcpStream, at_least: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut started = false;
        while let Ok(mut message) = read(&mut from_client, started).await {
            started |= code(&message) == Some(STARTUP);
            if message.first() == Some(&b'd') && message.get(5) == Some(&STATUS) {
                for positions in POSITIONS {
                    lift(&mut message[5..][positions], at_least.load(Ordering::SeqCst));
                }
            }
            if to_server.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

/// A whole message with its type, if it has one, and its length.
async fn read(from: &mut (impl tokio::io::AsyncRead + Unpin), typed: bool) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if typed {
        message.push(from.read_u8().await?);
    }
    let length = from.read_u32().await?;
    message.extend(length.to_be_bytes());
    let head = message.len();
    message.resize(head + usize::try_from(length).unwrap() - 4, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(message)
}

/// What an untyped message is for.
fn code(message: &[u8]) -> Option<u32> {
    message.get(4..8).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()))
}

fn lift(position: &mut [u8], at_least: u64) {
    let said = u64::from_be_bytes((&*position).try_into().unwrap());
    position.copy_from_slice(&said.max(at_least).to_be_bytes());
}
