//! `factotum cron`.

use servers::TempHome;

use crate::support::{Gateway, OFFLINE, factotum, until};

#[test]
fn a_job_is_made_shown_switched_and_removed() {
    let home = TempHome::with_config(OFFLINE);
    let cron = |arguments: &[&str]| factotum(&home, &[&["cron"], arguments].concat());
    cron(&["list"]).is(0, &["There are no jobs"]);
    let made = cron(&[
        "add",
        "--name",
        "plants",
        "-m",
        "Water the plants",
        "--every",
        "weekday at 8:30",
        "--tz",
        "Europe/Berlin",
    ]);
    let made = made.is(0, &["next:", "08:30 CE", "“plants” is saved as", "Jobs run while the gateway does"]);
    assert_eq!(made.out.matches(" 08:30 CE").count(), 5, "{}", made.out);
    cron(&["add", "--name", "plants", "-m", "Again", "--in", "20 minutes"])
        .is(65, &["there is a job “plants” already"]);
    let list = cron(&["list", "--json"]).objects();
    assert_eq!(list[0]["definition"]["when"]["expression"], "30 8 * * 1-5");
    assert_eq!((&list[0]["state"], &list[0]["runs"]), (&"on".into(), &0.into()));
    let id = list[0]["id"].as_str().unwrap().to_owned();
    cron(&["show", &id[..23]]).is(0, &["30 8 * * 1-5 (Europe/Berlin)", "cli:jobs", "Water the plants"]);
    assert_eq!(cron(&["next", "plants", "-n", "3", "--json"]).objects().len(), 3);
    cron(&["disable", "plants"]).is(0, &["“plants” is off."]);
    cron(&["list"]).is(0, &["off ", "next -"]);
    cron(&["enable", "plants"]).is(0, &["is on; its next run is at", "08:30"]);
    cron(&["history", "plants"]).is(0, &["It did not run yet."]);
    cron(&["remove", "plants"]).is(0, &["is removed"]);
    cron(&["show", "plants"]).is(66, &["there is no job `plants`"]);
}

#[test]
fn what_makes_no_sense_is_refused_and_names_its_field() {
    let home = TempHome::with_config(OFFLINE);
    let cases: [(&[&str], i32, &str); 11] = [
        (&["-m", "x"], 2, "--every"),
        (&["--in", "5m"], 2, "--message"),
        (&["-m", "x", "--in", "5m", "--at", "noon"], 2, "cannot be used with"),
        (&["-m", "x", "--every", "5s"], 65, "every: a job runs once a minute at most"),
        (&["-m", "x", "--every", "blue moon"], 65, "every: "),
        (&["-m", "x", "--cron", "0 24 * * *"], 65, "hour: "),
        (&["-m", "x", "--cron", "@daily", "--tz", "Mars/Olympus"], 65, "zone: there is no time zone"),
        (&["-m", "x", "--at", "2020-01-01 10:00"], 65, "at: that time has passed"),
        (&["-m", "x", "--in", "-5m"], 65, "in: "),
        (&["-m", "x", "--in", "5m", "--to", "nowhere"], 65, "to: `nowhere` names no chat"),
        (&["--tool", "nothing {}", "--in", "5m"], 65, "tool: there is no tool `nothing`"),
    ];
    for (arguments, code, text) in cases {
        factotum(&home, &[&["cron", "add"], arguments].concat()).is(code, &[text]);
    }
}

#[test]
fn a_job_runs_by_hand_here_and_by_itself_in_the_gateway() {
    let home = TempHome::with_config(OFFLINE);
    let cron = |arguments: &[&str]| factotum(&home, &[&["cron"], arguments].concat());
    let add = ["add", "--name", "sum", "--tool", "calculate_expression {\"expression\": \"6*7\"}"];
    cron(&[&add[..], &["--every", "hour", "--max-runs", "3"]].concat()).is(0, &["“sum” is saved"]);
    cron(&["run", "sum"]).is(0, &["42"]);
    let history = cron(&["history", "sum", "--json"]).objects();
    assert_eq!(
        (&history[0]["outcome"], &history[0]["delivery"]),
        (&"replied".into(), &"kept".into()),
        "{history:?}"
    );
    assert_eq!((&history[0]["reply"], &history[0]["model_calls"]), (&"42".into(), &0.into()));
    cron(&["add", "--name", "soon", "--tool", add[4], "--in", "1s"]).is(0, &["“soon” is saved"]);
    let _gateway = Gateway::start(&home);
    until("a run", || {
        let history = cron(&["history", "soon", "--json"]).objects();
        history.first().filter(|run| run["outcome"] == "replied").cloned()
    });
    cron(&["list", "--all"]).is(0, &["done"]);
    cron(&["run", "soon"]).is(0, &["The gateway runs it"]);
}
