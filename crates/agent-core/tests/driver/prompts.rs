//! What a request holds besides the words: instructions, images, on whose behalf.

use std::sync::Arc;

use agent_core::{
    BudgetConfig, Gauge, Placement, PromptRequest, PromptSection, PromptSource, RunRequest, ScriptedReply,
    Share, assemble,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use session_api::{Part, Principal, PrincipalId, Rank};
use tool_api::{Approver, CallToJudge, Effect, Verdict};

use crate::support::{Does, Probe, TestApp, core, none, request, script};

/// The owner's file for the owner; remembers for whom it was asked.
#[derive(Default)]
struct Files {
    asked: Mutex<Vec<(Rank, String)>>,
}

#[async_trait]
impl PromptSource for Files {
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection> {
        let rank = request.principal.rank;
        self.asked.lock().push((rank, request.session.channel.clone()));
        let section = |share, name: &str, text: &str| PromptSection {
            share,
            name: name.into(),
            text: text.into(),
            absent: None,
        };
        // Not in the order of the prompt.
        let own = (rank == Rank::Owner).then(|| section(Share::Person, "USER.md", "Likes tea."));
        own.into_iter().chain([section(Share::Instructions, "AGENTS.md", "Be brief.")]).collect()
    }
}

/// Remembers for whom it judged.
#[derive(Default)]
struct Judge(Mutex<Vec<Rank>>);

impl Approver for Judge {
    fn decide(&self, call: CallToJudge<'_>) -> Verdict {
        self.0.lock().push(call.principal.rank);
        Verdict::Allow
    }
}

#[tokio::test]
async fn a_message_that_joins_does_not_get_the_rights_of_those_before_it() {
    let wait = Probe::new("wait", Effect::Pure, Does::Wait);
    let provider = script(vec![
        ScriptedReply::tool("wait", &none()),
        ScriptedReply::tool("wait", &none()),
        ScriptedReply::text("Both."),
    ]);
    let (files, judge) = (Arc::new(Files::default()), Arc::new(Judge::default()));
    let mut core = core(provider.clone(), vec![wait.clone()]);
    core.prompts = files;
    core.approver = judge.clone();
    let app = TestApp::new(core);
    let first = app.factotum.run_streamed(request("the owner asks")).await.unwrap();
    wait.had(1).await;
    let kim = Principal { id: PrincipalId("kim".into()), rank: Rank::Member };
    let joins = RunRequest { principal: kim, ..request("kim joins") };
    let second = app.factotum.run_streamed(joins).await.unwrap();
    wait.release();
    wait.had(2).await;
    wait.release();
    assert_eq!(first.wait().await.unwrap().content, "Both.");
    assert_eq!(second.wait().await.unwrap().content, "Both.");
    assert_eq!(*judge.0.lock(), [Rank::Owner, Rank::Member]);
    let told: Vec<bool> =
        provider.requests().iter().map(|request| request.system.contains("Likes tea.")).collect();
    assert_eq!(told, [true, false, false]);
}

#[tokio::test]
async fn instruction_files_stand_in_the_system_prompt_of_those_they_are_for() {
    let provider = script(vec![ScriptedReply::text("Yes.")]);
    let files = Arc::new(Files::default());
    let mut core = core(provider.clone(), Vec::new());
    core.prompts = files.clone();
    let app = TestApp::new(core);
    app.say("hello").await;
    let kim = Principal { id: PrincipalId("kim".into()), rank: Rank::Member };
    app.factotum.run(RunRequest { principal: kim, ..request("hello") }).await.unwrap();
    let systems: Vec<Arc<str>> = provider.requests().into_iter().map(|request| request.system).collect();
    assert!(systems[0].contains("# AGENTS.md\n\nBe brief.\n\n# USER.md\n\nLikes tea."), "{}", systems[0]);
    assert!(
        systems[1]
            .contains("# AGENTS.md\n\nBe brief.\n\n# This conversation\n\n- channel: cli, several people\n"),
        "{}",
        systems[1]
    );
    assert_eq!(*files.asked.lock(), [(Rank::Owner, "cli".into()), (Rank::Member, "cli".into())]);
}

fn section(share: Share, name: &str, text: String) -> PromptSection {
    PromptSection { share, name: name.into(), text, absent: None }
}

#[test]
fn what_does_not_fit_is_left_out_whole_and_the_model_is_told() {
    let missing = PromptSection {
        absent: Some("it is not UTF-8".into()),
        ..section(Share::Channel, "CONTEXT-cli.md", String::new())
    };
    let sections = [
        section(Share::Memory, "memory/MEMORY.md", format!("{}\nthe newest", "an old fact\n".repeat(500))),
        section(Share::Instructions, "LONG.md", "x".repeat(8_000)),
        section(Share::Instructions, "EMPTY.md", " \n".into()),
        section(Share::Instructions, "FITS.md", "y".repeat(100)),
        missing,
    ];
    let prompt = assemble(&sections, &BudgetConfig::default(), 10_000, 500, Gauge::default());
    let system = &prompt.system;
    assert!(
        system.contains("# LONG.md\n\n[left out: 2000 tokens, the room of `instructions` is 1000]"),
        "{system}"
    );
    assert!(system.contains("# CONTEXT-cli.md\n\n[left out: it is not UTF-8]"), "{system}");
    assert!(!system.contains("EMPTY.md") && !system.contains("xx"), "{system}");
    assert!(system.contains("# FITS.md") && system.ends_with("the newest"), "{system}");
    let told: Vec<_> = prompt.decisions.iter().map(|one| (one.name.as_str(), one.placement)).collect();
    let (yes, no) = (Placement::In, Placement::LeftOut);
    assert_eq!(
        told,
        [("LONG.md", no), ("FITS.md", yes), ("CONTEXT-cli.md", no), ("memory/MEMORY.md", Placement::Cut)]
    );
    let used: u64 = prompt.tokens + 500 + prompt.allocation.reply + prompt.allocation.history;
    assert!(used <= 10_000, "{used}");
}

#[tokio::test]
async fn the_bytes_of_an_image_go_with_the_request() {
    let provider = script(vec![ScriptedReply::text("A cat.")]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let blob = app.stores.blobs.put_blob("a picture".into()).await.unwrap();
    let mut run = request("What is this?");
    run.parts.push(Part::Image { blob: blob.clone(), mime: "image/png".into() });
    app.factotum.run(run).await.unwrap();
    let sent = provider.requests().remove(0);
    assert_eq!(sent.blobs.get(&blob).map(|bytes| &bytes[..]), Some(&b"a picture"[..]));
}

#[tokio::test]
async fn files_that_the_model_can_read_are_sent_with_their_bytes_and_others_by_name() {
    let model = script(vec![ScriptedReply::text("read")]);
    let app = TestApp::new(core(model.clone(), Vec::new()));
    let mut parts = vec![Part::text("read these")];
    for (mime, name) in [("application/pdf", "a.pdf"), ("application/zip", "b.zip")] {
        let blob = app.stores.blobs.put_blob(Bytes::from(name.as_bytes().to_vec())).await.unwrap();
        parts.push(Part::File { blob, mime: mime.into(), name: name.into() });
    }
    let mut asked = request("");
    asked.parts = parts;
    app.in_time(app.factotum.run(asked)).await.unwrap();
    let sent: Vec<Bytes> = model.requests()[0].blobs.values().cloned().collect();
    assert_eq!(sent, [Bytes::from_static(b"a.pdf")]);
}
