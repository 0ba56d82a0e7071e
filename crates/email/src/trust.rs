//! Which mails may speak to the assistant, as far as the mail itself tells. Allow lists and pairing are the core's.

use crate::address;
use crate::auth_results::AuthResults;
use crate::config::Config;
use crate::heads::Heads;
use crate::threads;

/// The one sender, normalised; `None` where `From` is missing, names several, or can be read in two ways.
pub(crate) fn sender(heads: &Heads) -> Option<String> {
    let mut from = heads.all("from");
    match (from.next(), from.next()) {
        (Some(value), None) => address::only(value),
        _ => None,
    }
}

/// Why a mail is not listened to, in a few words; `None` when it is.
pub(crate) fn distrust(heads: &Heads, sender: Option<&str>, config: &Config) -> Option<String> {
    let Some(sender) = sender else { return Some("no single sender stands in From".into()) };
    if config.own_addresses().any(|own| own.eq_ignore_ascii_case(sender)) {
        return Some("the assistant's own address".into());
    }
    let id = heads.first("message-id").unwrap_or_default();
    if threads::ids(id).iter().any(|id| threads::is_own(id, config.domain())) {
        return Some("a mail that the assistant wrote".into());
    }
    if let Some(why) = automatic(heads, sender) {
        return Some(format!("an automatic mail ({why})"));
    }
    if config.verify_sender {
        let Some(server) = &config.authserv_id else {
            return Some("senders cannot be verified: channels.email.authserv_id is not set".into());
        };
        // Only the topmost header of the receiving server counts: what stands below it came with the mail.
        let ours = heads
            .all("authentication-results")
            .filter_map(AuthResults::parse)
            .find(|found| found.server == *server);
        match ours {
            Some(found) if found.vouch_for(address::domain(sender)) => {}
            Some(_) => return Some(format!("{server} could not authenticate the sender")),
            None => return Some(format!("no Authentication-Results of {server}")),
        }
    }
    if !config.auto_reply {
        return Some("channels.email.auto_reply is off".into());
    }
    None
}

/// What shows that no person wrote it (RFC 3834 and custom).
fn automatic(heads: &Heads, sender: &str) -> Option<&'static str> {
    let word = |name: &str| {
        let value = heads.first(name).unwrap_or_default();
        value.split([';', ' ', '(']).next().unwrap_or_default().to_ascii_lowercase()
    };
    if heads.has("auto-submitted") && word("auto-submitted") != "no" {
        return Some("Auto-Submitted");
    }
    if ["bulk", "junk", "list", "auto_reply"].contains(&word("precedence").as_str()) {
        return Some("Precedence");
    }
    for (name, shown) in [
        ("list-id", "List-Id"),
        ("list-unsubscribe", "List-Unsubscribe"),
        ("list-post", "List-Post"),
        ("x-auto-response-suppress", "X-Auto-Response-Suppress"),
        ("x-autoreply", "X-Autoreply"),
        ("x-autorespond", "X-Autorespond"),
    ] {
        if heads.has(name) {
            return Some(shown);
        }
    }
    if heads.first("return-path").is_some_and(|path| path.replace(' ', "") == "<>") {
        return Some("an empty Return-Path");
    }
    if word("content-type") == "multipart/report" {
        return Some("a delivery report");
    }
    let local = sender.split('@').next().unwrap_or_default();
    let machine = ["mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply"];
    if machine.contains(&local) || local.starts_with("bounce") {
        return Some("the sender's address");
    }
    None
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
