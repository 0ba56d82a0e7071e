use proptest::prelude::*;
use session_api::{Principal, PrincipalId, Rank, Timestamp};
use tool_api::{Tool, ToolContext, contract};

use super::*;
use crate::testing::{Place, text};

/// 2026-11-21, 14:05 UTC.
const NOW: Timestamp = Timestamp(1_795_269_900_000);

struct Desk {
    place: Place,
    tools: Vec<std::sync::Arc<dyn Tool>>,
}

impl Desk {
    fn new() -> Self {
        let place = Place::new();
        let (workspace, zones) = (place.workspace(), Zones::utc());
        let tools = vec![
            place.tool(MemoryRead { workspace: workspace.clone(), zones: zones.clone() }),
            place.tool(MemoryAppend { workspace: workspace.clone(), zones: zones.clone() }),
            place.tool(MemoryReplaceSection { workspace, zones }),
        ];
        Self { place, tools }
    }

    async fn call(
        &self,
        context: &ToolContext,
        name: &str,
        args: serde_json::Value,
    ) -> Result<String, ToolError> {
        let tool = self.tools.iter().find(|tool| tool.spec().name == name).unwrap();
        tool.call(context, &args.to_string()).await.map(|output| text(&output))
    }
}

fn owner() -> ToolContext {
    ToolContext { now: NOW, ..contract::context() }
}

fn somebody(id: &str, rank: Rank) -> ToolContext {
    ToolContext { principal: Principal { id: PrincipalId(id.into()), rank }, ..owner() }
}

#[tokio::test]
async fn they_keep_the_contract() {
    let desk = Desk::new();
    contract::check(&desk.tools[0], r#"{"file":"memory"}"#).await;
    contract::check(&desk.tools[1], r#"{"text":"Likes tea."}"#).await;
    let digest = digest_of(b"");
    contract::check(&desk.tools[2], &format!(r#"{{"section":"Tea","text":"green","digest":"{digest}"}}"#))
        .await;
}

#[tokio::test]
async fn facts_are_added_with_their_date_and_read_again() {
    let desk = Desk::new();
    let json = serde_json::json!({"text": "- Likes tea,\nblack."});
    desk.call(&owner(), "memory_append", json).await.unwrap();
    desk.call(&owner(), "memory_append", serde_json::json!({"text": "Has a cat."})).await.unwrap();
    let json = serde_json::json!({"text": "Lives in Bonn.", "file": "memory"});
    desk.call(&owner(), "memory_append", json).await.unwrap();
    let note = "# 2026-11-21\n- 14:05 Likes tea,\n  black.\n- 14:05 Has a cat.\n";
    assert_eq!(desk.place.read("memory/2026-11-21.md"), note);
    assert_eq!(desk.place.read("memory/MEMORY.md"), "- 2026-11-21 Lives in Bonn.\n");
    let read = desk.call(&owner(), "memory_read", serde_json::json!({"file": "today"})).await.unwrap();
    let digest = digest_of(note.as_bytes());
    let end = format!("[memory/2026-11-21.md, digest {digest}; days with notes: 2026-11-21]");
    assert_eq!(read, format!("{}\n\n{end}", note.trim_end()));
}

#[tokio::test]
async fn an_edit_by_hand_wins() {
    let desk = Desk::new();
    desk.place.write("memory/MEMORY.md", "# Facts\n\n## Tea\n\ngreen\n\n## Cat\n\nMia\n");
    let old = digest_of(desk.place.read("memory/MEMORY.md").as_bytes());
    desk.place.write("memory/MEMORY.md", "# Facts\n\n## Tea\n\nblack\n\n## Cat\n\nMia\n");
    let replace = |digest: String| serde_json::json!({"section": "Tea", "text": "white", "digest": digest});
    let error = desk.call(&owner(), "memory_replace_section", replace(old)).await.unwrap_err().to_string();
    assert!(error.contains("nothing was written") && error.ends_with("## Tea\n\nblack"), "{error}");
    assert!(desk.place.read("memory/MEMORY.md").contains("black"));
    let now = digest_of(desk.place.read("memory/MEMORY.md").as_bytes());
    assert!(error.contains(&now), "{error}");
    desk.call(&owner(), "memory_replace_section", replace(now)).await.unwrap();
    assert_eq!(desk.place.read("memory/MEMORY.md"), "# Facts\n\n## Tea\n\nwhite\n\n## Cat\n\nMia\n");
}

#[tokio::test]
async fn each_person_has_a_memory_and_sees_no_other() {
    let desk = Desk::new();
    let fact = |text: &str| serde_json::json!({"text": text, "file": "memory"});
    desk.call(&owner(), "memory_append", fact("The code is 1234.")).await.unwrap();
    let (kim, kai) = (somebody("telegram:1", Rank::Member), somebody("../memory", Rank::Member));
    desk.call(&kim, "memory_append", fact("Kim's birthday is in May.")).await.unwrap();
    assert!(desk.place.read("people/telegram%3a1/MEMORY.md").contains("May"));
    for (who, seen) in [(&kim, "May"), (&kai, "[empty]")] {
        let read = desk.call(who, "memory_read", serde_json::json!({})).await.unwrap();
        assert!(read.contains(seen) && !read.contains("1234"), "{read}");
    }
    let together = ToolContext { alone: false, ..kim };
    for refused in [somebody("x", Rank::Guest), together] {
        let error = desk.call(&refused, "memory_read", serde_json::json!({})).await.unwrap_err();
        assert_eq!(error.class(), "not_permitted");
    }
}

#[tokio::test]
async fn odd_files_are_told_apart_and_left_alone() {
    let desk = Desk::new();
    let fact = || serde_json::json!({"text": "x", "file": "memory"});
    desk.place.write("memory/MEMORY.md", &"x".repeat(300 << 10));
    let error = desk.call(&owner(), "memory_append", fact()).await.unwrap_err();
    assert_eq!(error.class(), "limit_file", "{error}");
    std::fs::write(desk.place.root().join("memory/MEMORY.md"), b"a\n\xff\n").unwrap();
    let error = desk.call(&owner(), "memory_append", fact()).await.unwrap_err().to_string();
    assert!(error.contains("is not UTF-8 in line 2"), "{error}");
    assert_eq!(std::fs::read(desk.place.root().join("memory/MEMORY.md")).unwrap(), b"a\n\xff\n");
    for file in ["../x", "2026-13-01", "MEMORY", "2026-11-21/../x"] {
        let error = desk.call(&owner(), "memory_read", serde_json::json!({"file": file})).await.unwrap_err();
        assert_eq!(error.class(), "invalid_arguments", "{file}");
    }
}

#[test]
fn writers_take_turns_and_nothing_is_lost() {
    let place = Place::new();
    let workspace = place.workspace();
    let threads: Vec<_> = (0..4)
        .map(|who| {
            let tool = MemoryAppend { workspace: workspace.clone(), zones: Zones::utc() };
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let tool = tool_api::Typed::new(tool);
                for n in 0..20 {
                    let args = serde_json::json!({"text": format!("fact {who}-{n}")}).to_string();
                    runtime.block_on(tool.call(&owner(), &args)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(place.read("memory/2026-11-21.md").matches("fact ").count(), 80);
}

#[test]
fn sections_end_at_the_next_heading_of_their_level() {
    let text = "intro\n# A\na\n## B\nb\n```\n# no heading\n```\n### C\nc\n## D\nd\n";
    let found: Vec<(&str, &str)> =
        sections::sections(text).into_iter().map(|one| (one.title, text[one.range].trim_end())).collect();
    assert_eq!(
        found,
        [
            ("A", text.split_once("intro\n").unwrap().1.trim_end()),
            ("B", "## B\nb\n```\n# no heading\n```\n### C\nc"),
            ("C", "### C\nc"),
            ("D", "## D\nd"),
        ]
    );
    for (title, body, expected) in [
        ("D", "new", "# A\na\n## B\nb\n\n## D\n\nnew\n"),
        ("## d", "# D\nnew", "# A\na\n## B\nb\n\n## D\n\nnew\n"),
        ("B", "", "# A\na\n\n## D\nd\n"),
        ("E", "e", "# A\na\n## B\nb\n## D\nd\n\n## E\n\ne\n"),
    ] {
        assert_eq!(
            sections::replaced("# A\na\n## B\nb\n## D\nd\n", title, body).unwrap(),
            expected,
            "{title}"
        );
    }
    assert!(sections::replaced("## A\n## A\n", "A", "x").unwrap_err().contains("several"));
    assert!(sections::replaced("", "A", "").unwrap_err().contains("no section"));
}

proptest! {
    /// A change of one section leaves every line outside it that says something.
    #[test]
    fn nothing_outside_a_section_is_lost(before in "[a-z \n#`]{0,80}", after in "[a-z \n#`]{0,80}", body in "[a-z\n]{1,20}") {
        let text = format!("{before}\n## Target Section\nold\n{after}");
        if let Ok(changed) = sections::replaced(&text, "Target Section", &body) {
            for line in before.lines().filter(|line| !line.trim().is_empty()) {
                prop_assert!(changed.lines().any(|kept| kept.trim() == line.trim()), "{line:?} in {changed:?}");
            }
        }
    }
}
