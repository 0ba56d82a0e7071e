//! What counts as something to do.

use proptest::prelude::*;

use super::*;

fn texts(file: &str) -> Vec<String> {
    heartbeat_tasks(file).into_iter().map(|task| task.text).collect()
}

#[test]
fn only_what_is_to_do_counts() {
    let nothing = "# Heartbeat\n\n<!-- write here\n- check mail -->\n- [x] done\n  with a detail\n- [X] done too\n- [ ]\n-\n* \n---\n\n## Later\n<!-- open";
    assert_eq!(texts(nothing), Vec::<String>::new());
    assert_eq!(texts(""), Vec::<String>::new());
    let file = "# Heartbeat\n- check the mail\n  only the inbox\n- [ ] water\n- [x] done\nplain line\n<!-- a -->- after a comment";
    assert_eq!(texts(file), ["check the mail\n  only the inbox", "water", "plain line", "after a comment"]);
}

#[test]
fn conditions_stand_at_the_end_of_a_line() {
    for (line, text, conditions) in [
        ("- mail (if mail)", "mail", vec![Condition::Check("mail".into())]),
        (
            "- read it (if changed notes/in box.md)",
            "read it",
            vec![Condition::Changed("notes/in box.md".into())],
        ),
        (
            "- summary (after 18:05) (if work)",
            "summary",
            vec![Condition::Check("work".into()), Condition::After(1085)],
        ),
        ("- call Ann (the one from work)", "call Ann (the one from work)", vec![]),
        ("- at (after 25:00)", "at (after 25:00)", vec![]),
    ] {
        let expected = HeartbeatTask { text: text.into(), conditions };
        assert_eq!(heartbeat_tasks(line), [expected], "{line}");
    }
}

#[test]
fn quiet_hours_may_span_midnight() {
    let night = QuietHours::parse("22:00-07:00").unwrap();
    let hold = |hour: u32, minute: u32| night.hold(hour * 60 + minute);
    assert!(hold(22, 0) && hold(23, 59) && hold(0, 0) && hold(6, 59));
    assert!(!hold(7, 0) && !hold(12, 0) && !hold(21, 59));
    let noon = QuietHours::parse("12:00 - 13:30").unwrap();
    assert!(noon.hold(12 * 60) && !noon.hold(13 * 60 + 30) && !noon.hold(0));
    for text in ["", "22-7", "25:00-07:00", "22:00", "a:b-c:d"] {
        assert_eq!(QuietHours::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_file_is_too_odd(text in "[-#*x \\[\\]()<>!a-z\\n:0-9ä]{0,300}") {
        let tasks = heartbeat_tasks(&text);
        prop_assert!(tasks.iter().all(|task| !task.text.trim().is_empty() || !task.conditions.is_empty()));
    }
}
