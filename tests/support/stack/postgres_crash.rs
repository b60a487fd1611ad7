//! The crash of a PostgreSQL server: it and all its processes gone at once, as in a power cut that spares the disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::process::Process;

/// Waits until `condition` holds.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let mut turns = tokio::time::interval(Duration::from_millis(10));
    while !condition() {
        turns.tick().await;
    }
}

/// Kills the server first, so that it starts no more processes, then those it had, and waits until all are gone.
pub(super) async fn crash(server: &Process) {
    let children = children_of(server.pid());
    server.kill9().await;
    let signal = |pid: i32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    for pid in &children {
        // Those that noticed the server's death are gone already.
        signal(*pid).ok();
    }
    until(|| children.iter().all(|pid| is_gone(*pid))).await;
}

fn children_of(parent: i32) -> Vec<i32> {
    let Ok(processes) = Path::new("/proc").read_dir() else {
        return Vec::new();
    };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

fn is_gone(pid: i32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == "Z" || state == "X")
}

/// State and parent of a process, from `pid (name) state parent …`; the name may hold blanks and brackets.
fn stat(pid: i32) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}
