//! Loopback ports: named ones, those of an earlier run where they are still free, else free ones.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use rand::RngExt;

/// Below the range from which systems take the ports of outgoing connections: a port stays ours while its server restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

const ATTEMPTS: u32 = 500;

/// Given to somebody in this program already, though perhaps not bound yet.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that is nobody else's in this program until dropped.
#[derive(Debug)]
pub(super) struct Port(u16);

impl Port {
    pub(super) fn number(&self) -> u16 {
        self.0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The port for a server whose last one is remembered in `file`; the choice is remembered there.
pub(super) fn choose(file: &Path, named: Option<u16>) -> anyhow::Result<Port> {
    let port = match named.or_else(|| remembered(file)) {
        Some(port) if claim(port) => port,
        Some(port) if named.is_some() => {
            bail!("port {port} was asked for and is in use: name another, or none for a free one")
        }
        Some(_) | None => free_port()?,
    };
    fs::write(file, port.to_string()).with_context(|| format!("{} could not be written", file.display()))?;
    Ok(Port(port))
}

fn remembered(file: &Path) -> Option<u16> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// A free port that stays this program's for as long as it runs.
pub fn free_port() -> anyhow::Result<u16> {
    let mut rng = rand::rng();
    (0..ATTEMPTS)
        .map(|_| rng.random_range(RANGE))
        .find(|port| claim(*port))
        .with_context(|| format!("no free port on 127.0.0.1 in {RANGE:?} after {ATTEMPTS} attempts"))
}

fn claim(port: u16) -> bool {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && taken.insert(port)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::choose;

    #[test]
    fn a_port_is_kept_over_runs_and_given_up_when_somebody_else_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("port");
        let first = choose(&file, None).unwrap().number();
        let port = choose(&file, None).unwrap();
        assert_eq!(port.number(), first);
        assert_ne!(choose(&folder.path().join("other"), None).unwrap().number(), first);
        assert!(choose(&file, Some(first)).is_err());
        drop(port);

        let somebody = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert_ne!(choose(&file, None).unwrap().number(), first);
        assert!(choose(&file, Some(first)).is_err());
        drop(somebody);
    }
}
