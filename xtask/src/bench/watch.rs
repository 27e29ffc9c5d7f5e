//! The resources that the provider's processes use, read from `/proc` while they live.
//!
//! `VmHWM` and the CPU times only grow, so what the last look before a process ends misses is what it used since: a few
//! milliseconds. More looks would take from the CPU that is measured. CPU times come in ticks of 10 ms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What all processes of one run used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most resident memory that any one process had, in bytes.
    pub peak_rss: u64,
    /// User and system time of all processes together.
    pub cpu: Duration,
}

/// A thread that looks.
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Usage>,
}

impl Watch {
    /// Watches all processes of the program `executable` that start from now on.
    ///
    /// # Errors
    /// There is no `/proc`, or no thread to be had.
    pub fn on(executable: &Path) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let mut eye = Eye { executable: executable.to_owned(), others: processes()?.collect(), seen: BTreeMap::new() };
        let stop = over.clone();
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                eye.look();
                thread::sleep(Duration::from_millis(20));
            }
            eye.sum()
        })?;
        Ok(Self { over, thread })
    }

    pub fn finish(self) -> Usage {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

struct Eye {
    executable: PathBuf,
    /// Processes that were there before.
    others: BTreeSet<u32>,
    seen: BTreeMap<u32, Usage>,
}

impl Eye {
    fn look(&mut self) {
        let Ok(processes) = processes() else { return };
        for pid in processes {
            if self.others.contains(&pid) {
                continue;
            }
            // A process that has just been forked is still its parent's program: what isn't ours now is looked at again.
            if fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|executable| executable == self.executable) {
                let usage = usage(pid).unwrap_or_default();
                let before = self.seen.entry(pid).or_default();
                before.peak_rss = before.peak_rss.max(usage.peak_rss);
                before.cpu = before.cpu.max(usage.cpu);
            }
        }
    }

    fn sum(&self) -> Usage {
        let peak_rss = self.seen.values().map(|usage| usage.peak_rss).max().unwrap_or_default();
        Usage { peak_rss, cpu: self.seen.values().map(|usage| usage.cpu).sum() }
    }
}

fn processes() -> std::io::Result<impl Iterator<Item = u32>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Usage { peak_rss: field(&status, "VmHWM:")?, cpu: cpu(&stat)? })
}

/// A field of `/proc/PID/status` that is in kB, in bytes.
pub fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// `utime` and `stime` of `/proc/PID/stat`, in ticks of 1/100 s; they are the 14th and 15th field, and the second, the
/// program's name in parentheses, may hold blanks.
fn cpu(stat: &str) -> Option<Duration> {
    ticks(stat, 11)
}

/// The CPU time of all ended processes that this one has started, and of those that they had started: `cutime` and `cstime`
/// of `/proc/self/stat`. Unlike a look from outside it misses nothing.
///
/// # Errors
/// There is no `/proc`.
pub fn ended_children() -> std::io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    ticks(&stat, 13).ok_or_else(|| std::io::Error::other(format!("/proc/self/stat: {stat:?}")))
}

/// The sum of two times in ticks, the first of which is `skipped` fields after the program's name.
fn ticks(stat: &str, skipped: usize) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(skipped);
    let user = fields.next()?.parse::<u64>().ok()?;
    let system = fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_proc() {
        assert_eq!(field("Name:\tx\nVmHWM:\t    2048 kB\n", "VmHWM:"), Some(2048 * 1024));
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 7 3 4 1";
        assert_eq!(cpu(stat), Some(Duration::from_millis(100)));
        assert_eq!(ticks(stat, 13), Some(Duration::from_millis(50)));
    }

    #[test]
    fn a_child_counts_when_it_has_ended() {
        let before = ended_children().unwrap();
        let spins = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", spins]).status().unwrap().success());
        assert!(ended_children().unwrap() > before);
    }

    #[test]
    fn this_very_process_can_be_seen() {
        assert!(usage(std::process::id()).unwrap().peak_rss > 0);
    }
}
