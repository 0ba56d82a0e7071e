use proptest::prelude::{prop_assert, proptest};

use super::*;

/// The steps in short: tool and arguments, `help`, or `?` and what was not understood.
fn short(message: &str) -> Vec<String> {
    let step = |step: &Step| match step {
        Step::Call(planned) => format!("{} {}", planned.tool, planned.arguments),
        Step::Help => "help".into(),
        Step::Unknown(text) => format!("? {text}"),
    };
    plan(message).iter().map(step).collect()
}

#[test]
fn each_example_of_the_table_is_understood_as_its_row_says() {
    for row in TABLE {
        let steps = plan(row.ask);
        match &steps[..] {
            [Step::Call(planned)] => {
                assert_eq!((planned.tool, planned.want), (row.tool, row.want), "{}", row.ask);
            }
            [Step::Help] => assert_eq!(row.want, Want::Help, "{}", row.ask),
            other => panic!("{}: {other:?}", row.ask),
        }
    }
}

#[test]
fn one_request_becomes_one_call() {
    for (message, expected) in [
        ("What time is it?", "current_datetime {}"),
        ("what time is it in europe/berlin", r#"current_datetime {"timezone":"europe/berlin"}"#),
        ("time in New York?", r#"current_datetime {"timezone":"New_York"}"#),
        ("what is 17.5% of 1234.56?", r#"calculate_expression {"expression":"17.5% of 1234.56"}"#),
        ("What's 1,234.5 plus 5 times 2", r#"calculate_expression {"expression":"1,234.5 + 5 * 2"}"#),
        ("calculate 2 + 2", r#"calculate_expression {"expression":"2 + 2"}"#),
        ("what is the square root of 2", r#"calculate_expression {"expression":"sqrt(2)"}"#),
        ("calculate max(2, 3)", r#"calculate_expression {"expression":"max(2, 3)"}"#),
        ("3 x 4 = ?", "? 3 x 4 ="),
        ("7*6", r#"calculate_expression {"expression":"7*6"}"#),
        ("list files", r#"list_dir {"path":"."}"#),
        ("list files in .", r#"list_dir {"path":"."}"#),
        ("Please list the files in src.", r#"list_dir {"path":"src"}"#),
        ("read Notes.md", r#"read_file {"path":"Notes.md"}"#),
        ("read \"my notes.md\"", r#"read_file {"path":"my notes.md"}"#),
        ("search for a.b (c) in files", r#"grep {"ignore_case":true,"path":".","pattern":"a\\.b \\(c\\)"}"#),
        (
            "search for \"salt and pepper\" in docs",
            r#"grep {"ignore_case":true,"path":"docs","pattern":"salt and pepper"}"#,
        ),
        ("remember the door code is 4711", r#"kv_memory {"action":"save","key":"door code","value":"4711"}"#),
        (
            "Remember that I like tea and milk",
            r#"kv_memory {"action":"save","key":"i like tea and milk","value":"I like tea and milk"}"#,
        ),
        ("recall the Door Code", r#"kv_memory {"action":"get","key":"door code"}"#),
        ("what do you remember about tea?", r#"kv_memory {"action":"search","key":"tea"}"#),
        ("what do you remember?", r#"kv_memory {"action":"list"}"#),
        ("forget door code", r#"kv_memory {"action":"delete","key":"door code"}"#),
        ("HELP!", "help"),
        ("", "help"),
        ("write me a poem", "? write me a poem"),
        ("what is love", "? what is love"),
        ("2026-11-21", "? 2026-11-21"),
        ("read", "? read"),
    ] {
        assert_eq!(short(message), [expected], "{message:?}");
    }
}

#[test]
fn several_requests_keep_their_order() {
    for (message, expected) in [
        (
            "what time is it, and what is 17.5% of 1234.56?",
            vec!["current_datetime {}", r#"calculate_expression {"expression":"17.5% of 1234.56"}"#],
        ),
        (
            "remember that the code is 4711, and what time is it?",
            vec![r#"kv_memory {"action":"save","key":"code","value":"4711"}"#, "current_datetime {}"],
        ),
        (
            "what is 2+2 and 3*3",
            vec![
                r#"calculate_expression {"expression":"2+2"}"#,
                r#"calculate_expression {"expression":"3*3"}"#,
            ],
        ),
        ("hi; time; time", vec!["help", "current_datetime {}"]),
        (
            "read a.md. write a poem, then list files",
            vec![r#"read_file {"path":"a.md"}"#, "? write a poem", r#"list_dir {"path":"."}"#],
        ),
    ] {
        assert_eq!(short(message), expected, "{message:?}");
    }
}

#[test]
fn a_huge_message_is_not_taken_apart() {
    let message = "time, ".repeat(100_000);
    assert!(matches!(&plan(&message)[..], [Step::Unknown(_)]));
    assert!(matches!(&plan(&"time, ".repeat(MOST_PIECES + 1))[..], [Step::Unknown(_)]));
}

proptest! {
    #[test]
    fn any_message_has_a_plan(message: String) {
        prop_assert!(!plan(&message).is_empty());
    }

    #[test]
    fn what_looks_like_requests_has_a_plan_of_valid_json(
        words in proptest::collection::vec("what is|time|in|read|a.md|remember|that|is|and|,|;|\\(|2|%|of|\"|files|search for| ", 0..20),
    ) {
        for step in plan(&words.join(" ")) {
            if let Step::Call(planned) = step {
                let json: Value = serde_json::from_str(&planned.arguments).unwrap();
                prop_assert!(json.is_object());
            }
        }
    }
}
