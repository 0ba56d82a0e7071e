//! A machine that has nothing but the binary: no configuration, no key, no network.

use std::process::Command;

use it::{history, run, runnable, say, skip};
use servers::TempHome;

const QUESTION: &str = "what time is it, and what is 17.5% of 1234.56?";

#[test]
fn the_first_command_answers_from_real_tool_calls_and_the_second_remembers() {
    let home = TempHome::new();
    let first = run(home.command().args(["agent", "-m", QUESTION])).with_code(0);
    assert!(first.out.contains("216.048"), "{first}");
    assert!(first.out.contains("It is "), "{first}");
    assert!(first.out.contains("offline provider"), "it says who answers: {first}");
    for noise in ["calculate_expression", "current_datetime", "\u{1b}["] {
        assert!(!first.out.contains(noise), "stdout holds the answer and nothing else: {first}");
    }

    let second = run(home.command().args(["agent", "-m", "what is 2 + 2"])).with_code(0);
    assert!(second.out.contains('4'), "{second}");

    let history = history(&home, "default");
    assert_eq!(history.texts("user"), [QUESTION, "what is 2 + 2"]);
    let answers: Vec<_> =
        history.texts("assistant").into_iter().filter(|text| text.contains("offline provider")).collect();
    assert_eq!(answers.len(), 2, "{history:?}");
    assert!(answers[0].contains("216.048") && answers[1].contains('4'), "{answers:?}");
    let called: Vec<_> = history.parts("tool_call").iter().map(|call| call["name"].clone()).collect();
    assert_eq!(called, ["current_datetime", "calculate_expression", "calculate_expression"]);
    assert_eq!(history.parts("tool_result").len(), 3);

    let shown = run(home.command().args(["sessions", "show"])).with_code(0);
    for expected in [QUESTION, "216.048", "calculate_expression", "what is 2 + 2"] {
        assert!(shown.out.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn it_needs_no_network() {
    if !runnable("unshare", &["-rn", "true"]) {
        return skip("unshare -rn does not work here");
    }
    let home = TempHome::new();
    let direct = home.command();
    let mut command = Command::new("unshare");
    command.arg("-rn").arg(direct.get_program()).args(["agent", "-m", QUESTION]).env_clear();
    for (name, value) in direct.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let answer = run(&mut command).with_code(0);
    assert!(answer.out.contains("216.048"), "{answer}");
}

#[test]
fn what_needs_a_model_says_how_to_get_one() {
    let home = TempHome::new();
    let answer = say(&home, "default", "write me a poem about rain").with_code(0);
    for expected in ["OPENAI_API_KEY", "config.toml", "factotum onboard", "offline provider"] {
        assert!(answer.out.contains(expected), "{expected}: {answer}");
    }
}

#[test]
fn notes_outlive_their_process() {
    let home = TempHome::new();
    say(&home, "one", "remember door code is 4711").ends(0);
    let recalled = say(&home, "two", "recall door code").with_code(0);
    assert!(recalled.out.contains("4711"), "{recalled}");
    say(&home, "one", "forget door code").ends(0);
    let gone = say(&home, "two", "recall door code").with_code(0);
    assert!(!gone.out.contains("4711"), "{gone}");
}

#[test]
fn a_request_that_asks_for_a_way_out_of_the_workspace_is_refused() {
    let home = TempHome::new();
    home.write("secret.txt", "outside-of-the-workspace");
    for text in ["read ../../secret.txt", "read /etc/passwd"] {
        let answer = say(&home, "default", text).with_code(0);
        assert!(
            !answer.out.contains("outside-of-the-workspace") && !answer.out.contains("root:"),
            "{answer}"
        );
        assert!(answer.out.contains("failed"), "{answer}");
    }
}
