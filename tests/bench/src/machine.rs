//! What this machine takes by itself, and what a process has used.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Setting;
use crate::figure::{Figure, Samples};

/// What one `fsync` appends: a page of the database.
const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Time since a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time; nothing is decided by it")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Appends 4 KiB to a file in `dir` and syncs its data, `times` times.
pub(crate) fn fsync(dir: &Path, times: usize) -> Result<Samples> {
    let path = dir.join("fsync.probe");
    let mut file = File::create(&path).with_context(|| format!("{}", path.display()))?;
    let mut samples = Samples::default();
    for _ in 0..times {
        let watch = Stopwatch::start();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        samples.add(watch.elapsed());
    }
    fs::remove_file(&path)?;
    Ok(samples)
}

pub(crate) fn fsync_figures(setting: &Setting) -> Result<Vec<Figure>> {
    let samples = fsync(&setting.dir, setting.count)?;
    let what = format!("append 4 KiB and fdatasync, {} times", samples.len());
    Ok(vec![Figure::millis(what, &samples)])
}

/// CPU that this process has used, in milliseconds: all its threads, user and system.
pub(crate) fn own_cpu() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let millis = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    Ok(millis(usage.user_time()) + millis(usage.system_time()))
}

/// The most memory that any child of this process has held which was waited for, in MiB.
pub(crate) fn childrens_peak() -> Result<f64> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0)
}

/// The memory that this process holds now, shared pages counted by share, in MiB.
pub(crate) fn own_memory() -> Result<f64> {
    memory_of("self")
}

/// The same of another process; `pid` is its number, or `self`.
pub(crate) fn memory_of(pid: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// CPU that the one thread of another process has used, in milliseconds.
pub(crate) fn cpu_of(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanos: f64 = text.split_whitespace().next().context("schedstat is empty")?.parse()?;
    Ok(nanos / 1e6)
}

/// CPU that all threads of another process have used, those that ended included, in milliseconds.
pub(crate) fn cpu_of_all(pid: u32) -> Result<f64> {
    let pid = Pid::from_raw(i32::try_from(pid)?);
    let used: Duration = clock_getcpuclockid(pid)?.now()?.into();
    Ok(used.as_secs_f64() * 1e3)
}

/// How many threads want a core, over the last minute: what else this machine does while it is measured.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().context("loadavg is empty")?.parse()?)
}
