//! What one person wishes holds for that person, on every account that is theirs, and for nobody else.

use it::{Desk, OWNER};
use servers::telegram::Say;
use servers::{Reply, Script};

const KIM: i64 = 6;
const LEE: i64 = 7;
const GROUP: i64 = -70;

fn desk() -> Desk {
    Desk::new(Script::by(|request, _| {
        let word = it::words(request).last().cloned().unwrap_or_default();
        Reply::text(&format!("heard {word}"))
    }))
    .channel("members = [\"6\", \"7\"]\ngroups = \"open\"")
}

/// Whether the request that `word` led to carried the rule.
fn carried(desk: &Desk, word: &str) -> bool {
    let requests = desk.server.requests();
    let of = requests.iter().find(|request| it::words(request).last().is_some_and(|last| last == word));
    let system = of.map(|request| request.messages()[0]["content"].to_string()).unwrap_or_default();
    assert!(!system.is_empty(), "{word} was never asked");
    system.contains("Answer in German from now on")
}

fn ask(desk: &Desk, who: i64, word: &str) -> bool {
    desk.telegram.say(Say::private(who, &format!("tell me {word}")));
    drop(desk.heard_in(who, &format!("heard {word}")));
    carried(desk, word)
}

#[test]
fn a_rule_of_one_person_holds_for_them_after_a_restart_too_and_for_nobody_else() {
    let desk = desk();
    let gateway = desk.open();
    desk.telegram.say(Say::private(KIM, "Answer in German from now on. w-wish"));
    drop(desk.heard_in(KIM, "heard w-wish"));
    assert!(ask(&desk, KIM, "w-next"), "the next turn's prompt carries it");
    assert!(!ask(&desk, OWNER, "w-owner") && !ask(&desk, LEE, "w-lee"));
    gateway.stop();
    let gateway = desk.open();
    assert!(ask(&desk, KIM, "w-again") && !ask(&desk, LEE, "w-lee-again"));
    desk.telegram.say(Say::private(KIM, "/memory rules"));
    let rules = desk.heard_in(KIM, "said in telegram:");
    assert!(rules.contains("Answer in German from now on (you, everywhere"), "{rules}");
    desk.telegram.say(Say::private(LEE, "/memory rules"));
    let none = desk.heard_in(LEE, "rule");
    assert!(!none.contains("German"), "{none}");
    gateway.stop();
}

#[test]
fn in_a_group_a_person_alone_in_the_turn_has_their_rules_and_two_together_have_none() {
    let desk = desk();
    let gateway = desk.open();
    desk.telegram.say(Say::private(KIM, "Answer in German from now on. w-wish"));
    drop(desk.heard_in(KIM, "heard w-wish"));
    desk.telegram.say(Say::group(GROUP, KIM, "tell me w-alone"));
    drop(desk.heard_in(GROUP, "heard w-alone"));
    assert!(carried(&desk, "w-alone"));
    gateway.stop();
    // Both wrote while nobody listened: one turn answers them.
    desk.telegram.say(Say::group(GROUP, KIM, "tell me w-one"));
    desk.telegram.say(Say::group(GROUP, LEE, "and me w-both"));
    let gateway = desk.open();
    drop(desk.heard_in(GROUP, "heard w-both"));
    assert!(!carried(&desk, "w-both"), "nobody's own wishes hold for the others");
    gateway.stop();
}

#[test]
fn an_account_that_is_joined_has_what_the_person_has_until_it_is_parted() {
    let desk = desk();
    let gateway = desk.open();
    desk.telegram.say(Say::private(KIM, "Answer in German from now on. w-wish"));
    drop(desk.heard_in(KIM, "heard w-wish"));
    desk.telegram.say(Say::private(KIM, "/link"));
    let offer = desk.heard_in(KIM, "in your other account");
    let code =
        offer.split("/link ").nth(1).and_then(|rest| rest.split(['`', ' ']).next()).unwrap_or_default();
    desk.telegram.say(Say::private(LEE, "/link WRONG-CODE"));
    assert!(!ask(&desk, LEE, "w-before"));
    desk.telegram.say(Say::private(LEE, &format!("/link {code}")));
    drop(desk.heard_in(LEE, "Joined: "));
    assert!(ask(&desk, LEE, "w-joined"), "one person, one set of rules");
    desk.telegram.say(Say::private(OWNER, &format!("/link {code}")));
    assert!(!ask(&desk, OWNER, "w-owner"), "a code is good once, and the owner stays the owner");
    desk.telegram.say(Say::private(LEE, "/unlink"));
    drop(desk.heard_in(LEE, "is a person of their own again"));
    assert!(!ask(&desk, LEE, "w-parted"));
    gateway.stop();
}
