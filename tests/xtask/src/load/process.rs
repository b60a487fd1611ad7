//! What a process has used, as the kernel tells.

use anyhow::Context;

/// The kernel counts time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time so far, and the most memory at any moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) peak_bytes: f64,
}

impl Usage {
    pub(super) fn of(pid: i32) -> anyhow::Result<Self> {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{file}"))
                .with_context(|| format!("process {pid} is gone"))
        };
        Self::parse(&read("stat")?, &read("status")?)
            .with_context(|| format!("/proc/{pid} is not understood"))
    }

    /// From `stat` (fields 14 and 15, counted behind the name in brackets) and `status`.
    fn parse(stat: &str, status: &str) -> Option<Self> {
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        let cpu_seconds = (ticks()? + ticks()?) / TICKS_PER_SECOND;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = peak.split_whitespace().next()?.parse().ok()?;
        Some(Self { cpu_seconds, peak_bytes: kib * 1024.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn the_kernels_words_are_understood() {
        let stat = "77 (a (b) c) S 1 77 77 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 200";
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";
        let usage = Usage::parse(stat, status).unwrap();
        assert_eq!(usage, Usage { cpu_seconds: 3.0, peak_bytes: 2_097_152.0 });
    }
}
