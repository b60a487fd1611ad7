//! The machine a figure was measured on: without it no figure can be compared.

use serde::Serialize;

/// Cores, memory, processor, kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) memory_gib: u64,
    pub(super) cpu: String,
    pub(super) kernel: String,
}

/// This machine; what it does not say is left blank.
pub(super) fn describe() -> Machine {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let kib = value_of(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    Machine {
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory_gib: kib.unwrap_or(0).div_ceil(1 << 20),
        cpu: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
    }
}

/// `name : value` of the first line of that name.
fn value_of(text: &str, name: &str) -> Option<String> {
    let of = |line: &str| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(of)
}
