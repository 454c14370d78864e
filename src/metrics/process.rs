//! CPU time and memory of the program itself, read from `/proc` at each scrape.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks per second in `/proc` (`USER_HZ`), a constant of Linux' interface on every machine this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// `process_cpu_seconds_total` and `process_resident_memory_bytes`; nothing where there is no `/proc`.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat))
        {
            let counter = ConstCounter::new(seconds);
            let help = "User and system CPU time in seconds";
            let encoder =
                encoder.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?;
            counter.encode(encoder)?;
        }
        if let Some(bytes) =
            fs::read_to_string("/proc/self/status").ok().and_then(|status| resident_bytes(&status))
        {
            let gauge = ConstGauge::new(bytes);
            let help = "Resident memory in bytes";
            let encoder = encoder.encode_descriptor(
                "process_resident_memory_bytes",
                help,
                None,
                gauge.metric_type(),
            )?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}

/// User and system time, fields 14 and 15 of proc(5) `stat`. The second field is the program's name in parentheses
/// and may hold blanks and parentheses itself, hence the search from the end.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

/// `VmRSS` of proc(5) `status`; unlike `statm` it does not count in pages, whose size differs between machines.
fn resident_bytes(status: &str) -> Option<i64> {
    let kibibytes: i64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .strip_suffix("kB")?
        .trim_end()
        .parse()
        .ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_program_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 500 0 0 0 150 50 0 0 20 0 9 0 1000 1 2";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t9\n"), Some(2_097_152));
        assert_eq!(cpu_seconds("nothing"), None);
        assert_eq!(resident_bytes("VmRSS:\tmany"), None);
    }
}
