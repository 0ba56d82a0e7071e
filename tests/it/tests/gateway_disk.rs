//! A disk that is full for a while.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use it::platform::{Platform, Telegram};
use it::talk::Want;
use it::{Crowd, Gateway, InFlight, PATIENCE, Proc, runnable, skip, talking, until};
use servers::Gate;

const CHATS: usize = 20;

#[test]
fn while_the_disk_is_full_nothing_is_acknowledged_that_could_be_lost() {
    if !runnable("unshare", &["-rm", "true"]) {
        return skip("unshare -rm does not work here, so there is no small disk to fill");
    }
    let telegram = Telegram::start();
    let (home, _server) = talking(&[&telegram], &Gate::new());
    let config = home.write("config.toml", home.read("factotum/config.toml").unwrap());
    let script = format!(
        "mount -t tmpfs -o size=6m none \"$FACTOTUM_HOME\" || exit 99; exec {} --config {} gateway",
        home.command().get_program().to_string_lossy(),
        config.display()
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script]).env_clear().current_dir(home.work());
    for (name, value) in home.command().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let gateway = Gateway::inside(&home, Proc::start(&mut command));
    until("the gateway to work", || {
        (gateway.status().is_some_and(|status| status["ready"] == true) || !gateway.lives()).then_some(())
    });
    if !gateway.lives() {
        assert_eq!(gateway.wait().code, Some(99));
        return skip("no tmpfs can be mounted here");
    }
    let mut crowd = Crowd::of(&[&telegram], CHATS);
    crowd.say(0, Want::Text);
    crowd.wait_answers();

    let path = gateway.root().join("filler");
    let mut filler = File::create(&path).unwrap();
    for piece in [65536, 4096, 1] {
        while filler.write_all(&vec![0; piece]).is_ok() {}
    }
    let long = "x".repeat(3500);
    (0..3 * CHATS).for_each(|n| drop(crowd.say_more(n % CHATS, Want::Text, &long)));
    until("word of the full disk in the log", || {
        let log = gateway.log().to_lowercase();
        (log.contains("full") || log.contains("no space")).then_some(())
    });
    assert!(gateway.lives() && telegram.0.pending() + crowd.unanswered().len() > 0);
    drop(filler);
    std::fs::remove_file(&path).unwrap();

    crowd.wait_answers();
    telegram.0.wait_for("everything to be acknowledged", PATIENCE, |seen| seen.pending() == 0).unwrap();
    gateway.stop();
    let found = crowd.reckon(&InFlight::default(), &[], &BTreeSet::new());
    assert!(found.lost.is_empty() && found.foreign.is_empty() && found.disordered.is_empty(), "{found:#?}");
    assert_eq!(telegram.acknowledged(), crowd.said());
}
