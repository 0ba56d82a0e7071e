//! What `/proc` tells of processes.

use std::{collections::HashMap, fs};

use rustix::process::Pid;

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// Dead, and waiting for its parent to take notice.
    pub(super) zombie: bool,
    /// When it began, in ticks since the machine did. With the number it names a process for good.
    pub(super) began: u64,
}

impl Process {
    /// The process of that number, if there is one.
    pub(super) fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: i32, stat: &str) -> Option<Self> {
        // The name stands in parentheses and may itself hold some: the last one ends it.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let began = fields.nth(16)?.parse().ok()?;
        Some(Self { pid, parent, group, zombie, began })
    }

    /// Its number for the kernel.
    pub(super) fn number(&self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }

    /// Whether it carries `mark`, as a limit or in the environment it was started with. The environment of a dead one
    /// is gone; its limits are not.
    pub(super) fn carries(&self, mark: u64, variable: &str) -> bool {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid)).unwrap_or_default();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max file locks"));
        let mark = mark.to_string();
        if line.is_some_and(|line| line.split_ascii_whitespace().next() == Some(&mark)) {
            return true;
        }
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        let wanted = format!("{variable}={mark}");
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    }
}

/// All processes that began at `since` or later, by number.
pub(super) fn all_since(since: u64) -> HashMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .filter(|process| process.began >= since)
        .map(|process| (process.pid, process))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let own = Process::read(pid).unwrap();
        assert!(!own.zombie);
        assert_eq!(all_since(own.began).get(&pid), Some(&own));
        assert!(!all_since(own.began + 1).contains_key(&pid));
        assert!(!own.carries(1, "NO_SUCH_VARIABLE"));
    }

    #[test]
    fn the_mark_is_found_as_a_limit_and_in_the_environment() {
        for (script, variable, marked) in [
            ("ulimit -x 987654321; exec sleep 600", "OTHER", true),
            ("exec sleep 600", "MARK", true),
            ("exec sleep 600", "OTHER", false),
        ] {
            let mut bash = std::process::Command::new("bash");
            let mut child = bash.args(["-c", script]).env(variable, "987654321").spawn().unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            let started = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap() == "sleep\n";
            while !started() {
                std::thread::yield_now();
            }
            assert_eq!(
                Process::read(pid).unwrap().carries(987_654_321, "MARK"),
                marked,
                "{script} {variable}"
            );
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_name_with_parentheses_confuses_nobody() {
        let stat = "7 (a) b (c)) S 3 4 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 999 1000";
        let expected = Process { pid: 7, parent: 3, group: 4, zombie: false, began: 999 };
        assert_eq!(Process::parse(7, stat), Some(expected));
        assert_eq!(Process::parse(7, "garbage"), None);
    }
}
