//! Memories that are consolidated at set times, by a clock that the test moves.

use std::{sync::Arc, time::Duration};

use agent_core::{
    Consolidation, MemoryFile, MemoryFiles, MemoryFilesError, ModelError, ModelErrorKind, NewVersion,
    ScriptedProvider, ScriptedReply, Snapshot, Version, VersionState,
    gateway::{ChannelPolicy, GatewayConfig},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use schedule::When;
use session_api::Timestamp;

use crate::support::{Platform, TestApp, core, script};

use super::{Running, start_with};

const HOUR: Duration = Duration::from_secs(3600);
const BEFORE: &str = "- Has a cat called Mia.\n";
const AFTER: &str = "- Has a cat called Mio.\n";

/// One folder in memory.
struct Folder {
    memory: Mutex<String>,
    note: Mutex<String>,
    versions: Mutex<Vec<Version>>,
}

fn file(name: &str, text: &str) -> MemoryFile {
    MemoryFile { name: name.into(), text: text.into(), digest: text.into() }
}

#[async_trait]
impl MemoryFiles for Folder {
    async fn folders(&self) -> Result<Vec<String>, MemoryFilesError> {
        Ok(vec!["memory".into()])
    }

    async fn snapshot(&self, _folder: &str) -> Result<Snapshot, MemoryFilesError> {
        let notes = vec![file("2026-11-17.md", &self.note.lock())];
        Ok(Snapshot { memory: file("MEMORY.md", &self.memory.lock()), notes, today: "2026-11-18.md".into() })
    }

    async fn versions(&self, _folder: &str) -> Result<Vec<Version>, MemoryFilesError> {
        Ok(self.versions.lock().clone())
    }

    async fn apply(&self, _folder: &str, version: NewVersion) -> Result<Version, MemoryFilesError> {
        let (mut memory, mut versions) = (self.memory.lock(), self.versions.lock());
        let state = if *memory == version.before { VersionState::Applied } else { VersionState::Superseded };
        if state == VersionState::Applied {
            memory.clone_from(&version.after);
        }
        let version = Version { id: versions.len() as u64 + 1, state, ..version };
        versions.push(version.clone());
        Ok(version)
    }

    async fn note_failure(&self, _folder: &str, version: NewVersion) -> Result<(), MemoryFilesError> {
        let mut versions = self.versions.lock();
        versions.retain(|earlier| earlier.key != version.key);
        versions.push(version);
        Ok(())
    }
}

struct Rig {
    app: TestApp,
    model: Arc<ScriptedProvider>,
    folder: Arc<Folder>,
    running: Running,
}

/// A gateway that consolidates every hour.
fn begin(replies: Vec<ScriptedReply>) -> Rig {
    let model = script(replies);
    let app = TestApp::new(core(model.clone(), vec![]));
    let folder = Arc::new(Folder {
        memory: Mutex::new(BEFORE.into()),
        note: Mutex::new("- 09:00 The cat is called Mio now.\n".into()),
        versions: Mutex::default(),
    });
    let when = When::Every { seconds: HOUR.as_secs(), first: Timestamp(1_795_000_000_000).plus(HOUR) };
    let how = Consolidation { when: Some(when), model: None, max_bytes: 4_096, files: folder.clone() };
    let config = GatewayConfig { consolidation: Some(how), ..GatewayConfig::default() };
    let running = start_with(&app, &Platform::sound(), config, ChannelPolicy::default());
    Rig { app, model, folder, running }
}

impl Rig {
    /// Lets time pass, and everything happen that happens meanwhile.
    async fn pass(&self, time: Duration) {
        let until = self.app.elapsed() + time;
        while self.app.elapsed() < until {
            self.app.clock.advance(Duration::from_secs(10));
            self.settle().await;
        }
    }

    async fn settle(&self) {
        for _ in 0..60 {
            tokio::task::yield_now().await;
        }
    }

    fn asked(&self) -> usize {
        self.model.requests().len()
    }

    fn states(&self) -> Vec<VersionState> {
        self.folder.versions.lock().iter().map(|version| version.state).collect()
    }

    async fn end(self) {
        self.running.stop.cancel();
        self.app.in_time(self.running.task).await.unwrap();
    }
}

#[tokio::test]
async fn notes_are_worked_in_at_the_set_time_and_paid_for_once() {
    let rig = begin(vec![ScriptedReply::text(AFTER), ScriptedReply::text("- Has a dog called Rex.\n")]);
    rig.pass(HOUR - Duration::from_secs(60)).await;
    assert_eq!((rig.asked(), rig.folder.memory.lock().as_str()), (0, BEFORE), "it is not time yet");
    rig.pass(Duration::from_secs(120)).await;
    assert_eq!((rig.asked(), rig.folder.memory.lock().as_str()), (1, AFTER));
    assert_eq!(rig.states(), [VersionState::Applied]);
    rig.pass(HOUR * 3).await;
    assert_eq!(rig.asked(), 1, "there is nothing new");
    *rig.folder.note.lock() = "- 10:00 The cat has left; there is a dog called Rex.\n".into();
    rig.pass(HOUR).await;
    assert_eq!((rig.asked(), rig.folder.memory.lock().as_str()), (2, "- Has a dog called Rex.\n"));
    rig.end().await;
}

#[tokio::test]
async fn hours_that_were_slept_through_are_not_made_up_for() {
    let down = || ScriptedReply::error(ModelError::new(ModelErrorKind::BadRequest, "no"));
    let rig = begin(vec![down(), down(), down()]);
    rig.settle().await;
    rig.app.clock.advance(HOUR * 30);
    rig.settle().await;
    rig.pass(Duration::from_secs(120)).await;
    assert_eq!(rig.asked(), 1, "thirty times have passed, and one look is enough");
    rig.end().await;
}

#[tokio::test]
async fn a_model_that_fails_leaves_the_memory_and_is_asked_at_the_next_time_but_not_for_ever() {
    let down = ScriptedReply::error(ModelError::new(ModelErrorKind::BadRequest, "no such model"));
    let rig = begin(vec![down; 9]);
    rig.pass(HOUR + Duration::from_secs(60)).await;
    assert_eq!((rig.asked(), rig.states()), (1, vec![VersionState::Failed]));
    rig.pass(HOUR).await;
    assert_eq!((rig.asked(), rig.folder.versions.lock()[0].attempts), (2, 2));
    rig.pass(HOUR * 6).await;
    assert_eq!(rig.asked(), 5, "the same work waits then until something changes");
    assert_eq!(rig.folder.memory.lock().as_str(), BEFORE);
    assert_eq!(
        rig.app.stores.mailbox.dead_letters(&session_api::Scope::All, 9).await.unwrap().len(),
        0,
        "nobody has to clean up"
    );
    rig.end().await;
}

#[tokio::test]
async fn a_gateway_ends_at_once_while_its_model_thinks_about_the_memory() {
    let rig = begin(vec![ScriptedReply::hang()]);
    rig.pass(HOUR + Duration::from_secs(60)).await;
    assert_eq!(rig.asked(), 1);
    let (folder, before) = (rig.folder.clone(), rig.app.elapsed());
    rig.running.stop.cancel();
    rig.app.in_time(rig.running.task).await.unwrap();
    assert!(rig.app.elapsed() - before < Duration::from_secs(60));
    assert_eq!((folder.memory.lock().as_str(), folder.versions.lock().len()), (BEFORE, 0));
}
