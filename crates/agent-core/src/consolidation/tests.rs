use proptest::prelude::*;

use super::{
    check::{Rejected, pinned},
    request::MOST_NOTES_BYTES,
    *,
};

const BEFORE: &str = "# Facts\n\n- 2026-11-01 Lives in Bonn near the river.\n- 2026-11-02 Has a cat called Mia.\n\n## Pinned\n\n- Blood type 0.\n\n## Plans\n\n- 2026-11-03 Trip to Oslo in May. [pinned]\n";
const NOTE: &str = "# 2026-11-20\n- 09:00 Moved to Cologne.\n- 10:00 The cat is called Mio now.\n";
const AFTER: &str = "# Facts\n\n- 2026-11-20 Lives in Cologne.\n- 2026-11-20 Has a cat called Mio.\n\n## Pinned\n\n- Blood type 0.\n\n## Plans\n\n- 2026-11-03 Trip to Oslo in May. [pinned]";

#[test]
fn a_good_proposal_is_taken_with_and_without_a_fence() {
    let good = format!("{AFTER}\n");
    assert_eq!(check(AFTER, BEFORE, &[NOTE], 4096).as_deref(), Ok(good.as_str()));
    assert_eq!(
        check(&format!("```markdown\n{AFTER}\n```"), BEFORE, &[NOTE], 4096).as_deref(),
        Ok(good.as_str())
    );
}

#[test]
fn what_cannot_be_right_is_rejected() {
    let apology = "I am sorry, but as a language model I cannot help with files of this kind at the moment.\n- Blood type 0.\n- 2026-11-03 Trip to Oslo in May. [pinned]";
    let chatter = "- Blood type 0.\n- 2026-11-03 Trip to Oslo in May. [pinned]\n".to_owned()
        + BEFORE
        + &(0..200).map(|n| format!("word{n} ")).collect::<String>();
    type Expected = fn(&Rejected) -> bool;
    let table: &[(&str, Expected)] = &[
        ("", |error| *error == Rejected::Empty),
        ("```\n```", |error| *error == Rejected::Empty),
        (apology, |error| matches!(error, Rejected::Lost { .. } | Rejected::Invented { .. })),
        (&chatter, |error| matches!(error, Rejected::Invented { .. })),
    ];
    for (answer, expected) in table {
        let error = check(answer, BEFORE, &[NOTE], 4096).unwrap_err();
        assert!(expected(&error), "{answer}: {error}");
    }
    for line in ["- Blood type 0.", "- 2026-11-03 Trip to Oslo in May. [pinned]"] {
        let error = check(&AFTER.replace(line, "- gone"), BEFORE, &[NOTE], 4096).unwrap_err();
        assert_eq!(error, Rejected::Unpinned(line.into()));
    }
    assert!(matches!(check(AFTER, BEFORE, &[NOTE], 100), Err(Rejected::TooLong { .. })));
    let chinese = "我住在波恩靠近河边的一所老房子里并且养了一只名叫米娅的黑猫";
    assert!(matches!(
        check("对不起我无法完成这项任务请稍后重试谢谢您的理解与支持", chinese, &[], 4096),
        Err(Rejected::Lost { .. })
    ));
    assert!(check(chinese, chinese, &[], 4096).is_ok());
}

fn snapshot(memory: &str, notes: &[(&str, &str)]) -> Snapshot {
    let file = |name: &str, text: &str| MemoryFile {
        name: name.into(),
        text: text.into(),
        digest: format!("d:{text}"),
    };
    Snapshot {
        memory: file("MEMORY.md", memory),
        notes: notes.iter().map(|(name, text)| file(name, text)).collect(),
        today: "2026-11-21.md".into(),
    }
}

fn version(state: VersionState, work: &Proposal) -> Version {
    Version {
        id: 1,
        at: Timestamp(0),
        state,
        model: String::new(),
        reason: String::new(),
        key: work.key.clone(),
        attempts: 3,
        before: String::new(),
        after: String::new(),
        notes: work.done.clone(),
    }
}

#[test]
fn a_note_is_worked_in_once_and_again_when_it_was_changed() {
    let first = snapshot("m", &[("2026-11-19.md", "a"), ("2026-11-20.md", "b"), ("2026-11-21.md", "c")]);
    let work = proposal(&first, &[], 100, false).unwrap();
    assert_eq!(work.notes, ["a", "b"], "the running day waits");
    assert!(
        work.text.contains("At most 100 bytes.")
            && work.text.contains("===== notes: 2026-11-20.md =====\nb\n")
    );
    let applied = [version(VersionState::Applied, &work)];
    assert_eq!(proposal(&first, &applied, 100, false), None);
    assert_eq!(proposal(&first, &applied, 100, true).unwrap().notes, ["c"]);
    let edited = snapshot("m", &[("2026-11-19.md", "a2"), ("2026-11-20.md", "b"), ("2026-11-21.md", "c")]);
    assert_eq!(proposal(&edited, &applied, 100, false).unwrap().notes, ["a2"]);
    for state in [VersionState::Failed, VersionState::Superseded] {
        let again = proposal(&first, &[version(state, &work)], 100, false).unwrap();
        assert_eq!(again.notes, work.notes);
        assert_eq!(again.attempts, if state == VersionState::Failed { 3 } else { 0 });
    }
    assert!(proposal(&snapshot(&"m".repeat(200), &[]), &[], 100, false).is_some(), "it is too long");
    assert_eq!(proposal(&snapshot("m", &[]), &[], 100, true), None);
}

#[test]
fn long_notes_wait_for_the_next_time() {
    let long = "x".repeat(MOST_NOTES_BYTES);
    let all = snapshot("", &[("2026-11-01.md", "a"), ("2026-11-02.md", &long), ("2026-11-03.md", "c")]);
    let lengths = |snapshot: &Snapshot| {
        let work = proposal(snapshot, &[], 100, false).unwrap();
        work.notes.iter().map(String::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&all), [1]);
    let alone = snapshot("", &[("2026-11-02.md", &long), ("2026-11-03.md", "c")]);
    assert_eq!(lengths(&alone), [MOST_NOTES_BYTES], "it is taken whole");
}

proptest! {
    /// Whatever a model answers: what is taken is not empty, fits, and has every pinned line.
    #[test]
    fn whatever_is_taken_keeps_the_rules(answer in "[a-z# \n`\\[\\]-]{0,200}", before in "(# Pinned\n)?[a-z \n]{0,60}( \\[pinned\\])?", max in 1_usize..300) {
        if let Ok(text) = check(&answer, &before, &[&answer], max) {
            prop_assert!(!text.trim().is_empty() && text.len() <= max);
            for line in pinned(&before) {
                prop_assert!(text.lines().any(|kept| kept.trim() == line));
            }
        }
    }
}
