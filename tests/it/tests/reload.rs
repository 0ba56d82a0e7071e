//! What a running gateway makes of a configuration that has changed.

use it::{Desk, Setup, run, until};
use servers::{Reply, Script};

#[test]
fn a_reload_names_what_counts_from_the_next_start() {
    let desk = Desk::new(Script::by(|_, _| Reply::text("hello")));
    let gateway = desk.open();
    let reload = || run(desk.home.command().args(["gateway", "reload"]));
    let same = reload().with_code(0);
    assert!(same.out.contains("has read its configuration again") && !same.out.contains("Restart"), "{same}");
    let text =
        desk.home.read("factotum/config.toml").unwrap_or_default().replace("127.0.0.1:0", "127.0.0.1:1");
    desk.home.write("factotum/config.toml", format!("{text}\n[heartbeat]\nenabled = true\n"));
    let changed = reload().with_code(0);
    assert!(
        changed.out.contains("Restart it: what changed in [http] counts from the next start."),
        "the heartbeat needs no restart: {changed}"
    );
    let status = run(desk.home.command().args(["gateway", "status"])).with_code(0);
    assert!(status.out.contains("restart:   what changed in [http]"), "{status}");
    until("the log to say it", || gateway.log().contains("counts from the next start").then_some(()));
    desk.configure(Setup::of(&desk.server));
    let back = reload().with_code(0);
    assert!(!back.out.contains("Restart"), "{back}");
    gateway.stop();
}
