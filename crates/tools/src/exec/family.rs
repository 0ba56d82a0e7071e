//! A command with all its descendants, and their end.

use std::{
    collections::{HashMap, HashSet},
    io,
    process::ExitStatus,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, getpgrp, kill_process, kill_process_group, waitpid};
use tokio::process::Child;

use super::process::{Process, all_since};

/// The variable that carries a family's mark, for kernels that have no use for the limit.
pub(super) const VARIABLE: &str = "FACTOTUM_EXEC";

/// Most rounds of looking for members and killing them.
const ROUNDS: usize = 400;
/// Time for the killed to die before they are looked for again.
const PAUSE: Duration = Duration::from_millis(2);
/// Rounds in which nobody new must be seen before a family counts as ended: one process may have been between the
/// moment at which the list was read and its own fork.
const QUIET_ROUNDS: usize = 2;

/// A mark that no other family has or had. From the first one on, descendants whose parents died become children of
/// this process instead of the machine's first one, so that it can see and bury them.
pub(super) fn new_mark() -> io::Result<u64> {
    static SUBREAPER: OnceLock<Result<(), rustix::io::Errno>> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    (*SUBREAPER.get_or_init(|| rustix::process::set_child_subreaper(Some(rustix::process::getpid()))))?;
    // High enough for no one to set it as a limit, below what bash's numbers hold.
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % (1 << 24);
    Ok((0x4fac << 48) | (u64::from(std::process::id()) << 24) | number)
}

/// How a family ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Processes that were still alive when the first of the family was dead.
    pub(super) left_behind: usize,
    /// Processes that would not die.
    pub(super) survivors: usize,
}

/// Processes that are to die together. Dropping it ends them.
pub(super) struct Family {
    child: Child,
    hunt: Option<Hunt>,
}

impl Family {
    /// The family of `child`, which leads its own process group and has just been started with `mark`.
    pub(super) fn new(child: Child, mark: u64) -> Self {
        // A child that nobody has waited for keeps its number, dead or alive.
        let first = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
        let began = Process::read(first).map_or(0, |process| process.began);
        Self {
            child,
            hunt: Some(Hunt { first, began, mark, known: HashMap::new(), innocent: HashSet::new() }),
        }
    }

    /// Waits until the first of the family has exited.
    pub(super) async fn exit(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills all that are left, waits until they are dead, and buries them.
    pub(super) async fn end(&mut self) -> Ended {
        let Some(mut hunt) = self.hunt.take() else { return Ended::default() };
        // If this future is dropped the hunt still goes on to its end on that thread.
        let ended = tokio::task::spawn_blocking(move || hunt.run()).await.unwrap_or_default();
        if ended.survivors == 0 {
            // Killed by now, so that this returns at once; it was the runtime's to wait for.
            let _status = self.child.wait().await;
        }
        ended
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // The process may exit next, so that nothing can be left for later. It takes some milliseconds.
        if let Some(mut hunt) = self.hunt.take() {
            hunt.run();
        }
    }
}

/// The search for the members of a family.
struct Hunt {
    first: i32,
    began: u64,
    mark: u64,
    /// Every member seen so far, with the time at which it began.
    known: HashMap<i32, u64>,
    /// Processes without the mark. They never get it: it is set before the family's first fork. So it need not be
    /// looked for again.
    innocent: HashSet<(i32, u64)>,
}

impl Hunt {
    fn run(&mut self) -> Ended {
        let mut ended = Ended::default();
        let mut quiet = 0;
        for round in 0..ROUNDS {
            let members = self.members();
            let alive: Vec<Process> = members.iter().copied().filter(|process| !process.zombie).collect();
            if round == 0 {
                ended.left_behind = alive.iter().filter(|process| process.pid != self.first).count();
            }
            self.kill(&alive);
            self.bury(&members);
            ended.survivors = alive.len();
            quiet = if alive.is_empty() { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                break;
            }
            if !alive.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
        ended
    }

    /// All processes that belong to the family now: those that carry its mark, stand in its group, were members
    /// before, or have a member for a parent.
    fn members(&mut self) -> Vec<Process> {
        let all = all_since(self.began);
        let mut members: HashMap<i32, Process> = HashMap::new();
        for process in all.values() {
            let known = self.known.get(&process.pid) == Some(&process.began);
            let name = (process.pid, process.began);
            if known || (process.group == self.first && self.first > 0) {
                members.insert(process.pid, *process);
            } else if !self.innocent.contains(&name) {
                if process.carries(self.mark, VARIABLE) {
                    members.insert(process.pid, *process);
                } else {
                    self.innocent.insert(name);
                }
            }
        }
        loop {
            let children: Vec<Process> = all
                .values()
                .filter(|process| {
                    !members.contains_key(&process.pid) && members.contains_key(&process.parent)
                })
                .copied()
                .collect();
            if children.is_empty() {
                break;
            }
            members.extend(children.into_iter().map(|child| (child.pid, child)));
        }
        self.known.extend(members.values().map(|process| (process.pid, process.began)));
        members.into_values().collect()
    }

    fn kill(&self, alive: &[Process]) {
        let own = getpgrp().as_raw_nonzero().get();
        // A whole group dies at once, which no fork outruns. Only groups led by a member: a member may have joined
        // somebody else's.
        let groups: HashSet<i32> = alive
            .iter()
            .map(|process| process.group)
            .filter(|group| {
                *group > 1 && *group != own && (*group == self.first || self.known.contains_key(group))
            })
            .collect();
        // Each failure here means that it is dead already; the next round looks again.
        for group in groups.into_iter().filter_map(Pid::from_raw) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        for number in alive.iter().filter_map(Process::number) {
            let _gone = kill_process(number, Signal::KILL);
        }
    }

    /// Takes notice of the deaths of those whose parents died before them. The first of the family is the runtime's.
    fn bury(&self, members: &[Process]) {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let orphans = members.iter().filter(|it| it.zombie && it.parent == own && it.pid != self.first);
        for number in orphans.filter_map(Process::number) {
            let _gone = waitpid(Some(number), WaitOptions::NOHANG);
        }
    }
}
