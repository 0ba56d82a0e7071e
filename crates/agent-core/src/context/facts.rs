//! What a conversation knows of itself and what seldom changes: where it takes place, who speaks in it, what it is for.

use schedule::{JobDefinition, Payload};
use session_api::{JobId, KvStore, KvWrite, PrincipalId, Scope, SessionKey, StoreError, Stores, Timestamp};

use super::{PromptSection, Share, beginning};
use crate::{Place, job_state};

const PREFIX: &str = "chat:";
const GROUP: &str = "chat:group";
const GOAL: &str = "chat:goal";
const NAME: &str = "chat:name:";
/// Most speakers whose names are kept for one conversation.
const MOST_NAMES: usize = 20;
/// Most tokens of one fact.
const LONGEST: u64 = 200;

/// The writes that keep who spoke in `session` and where that is, as far as it is not known yet. `name` is what the platform
/// says; the speaker chose it.
pub(crate) async fn note_speaker(
    kv: &dyn KvStore,
    session: &SessionKey,
    place: Place,
    speaker: &PrincipalId,
    name: Option<&str>,
) -> Result<Vec<KvWrite>, StoreError> {
    let owner = PrincipalId::of_session_state(session);
    let known = kv.kv_list(&owner, PREFIX, MOST_NAMES + 2).await?;
    let is = |key: &str, value: &str| known.iter().any(|entry| entry.key == key && entry.value == value);
    let names = known.iter().filter(|entry| entry.key.starts_with(NAME)).count();
    let mut facts = vec![(GROUP.to_owned(), if place == Place::Group { "yes" } else { "no" }.to_owned())];
    let name = name.map(crate::admission::plain_name).filter(|name| !name.is_empty());
    if let Some(name) = name {
        let key = format!("{NAME}{speaker}");
        if names < MOST_NAMES || known.iter().any(|entry| entry.key == key) {
            facts.push((key, name));
        }
    }
    facts.retain(|(key, value)| !is(key, value));
    let set = |(key, value)| KvWrite::Set { owner: owner.clone(), key, value, expires_at: None };
    Ok(facts.into_iter().map(set).collect())
}

/// The write that keeps which goal `session` has. Whether it still holds is the job's to say.
pub(crate) fn note_goal(session: &SessionKey, goal: JobId) -> KvWrite {
    let owner = PrincipalId::of_session_state(session);
    KvWrite::Set { owner, key: GOAL.into(), value: goal.to_string(), expires_at: None }
}

/// The section; `None` of a session that is not there yet.
pub(crate) async fn section(
    stores: &Stores,
    session: &SessionKey,
) -> Result<Option<PromptSection>, StoreError> {
    let scope = Scope::Session(session.clone());
    let Some(info) = stores.sessions.session(&scope, session).await? else { return Ok(None) };
    let owner = PrincipalId::of_session_state(session);
    let known = stores.kv.kv_list(&owner, PREFIX, MOST_NAMES + 2).await?;
    let of = |key: &str| known.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let kind = match (of(GROUP), info.shared) {
        (Some("yes"), _) => ", a group",
        (_, true) => ", several people",
        (Some(_), false) => ", one person alone",
        (None, false) => "",
    };
    let mut facts = vec![format!("channel: {}{kind}", session.channel)];
    facts.extend(info.title.as_deref().map(|title| format!("title: {}", line(title))));
    let names: Vec<&str> =
        known.iter().filter(|entry| entry.key.starts_with(NAME)).map(|entry| entry.value.as_str()).collect();
    if !names.is_empty() {
        facts.push(format!("who speaks, by the names they gave themselves: {}", names.join("; ")));
    }
    facts.push(format!("began: {}", day(info.created_at)));
    if let Some(goal) = of(GOAL).and_then(|id| id.parse().ok()) {
        facts.extend(goal_of(stores, goal).await?.map(|goal| format!("goal: {}", line(&goal))));
    }
    let text = facts.into_iter().map(|fact| format!("- {fact}\n")).collect();
    Ok(Some(PromptSection { share: Share::Session, name: "This conversation".into(), text, absent: None }))
}

/// What a goal that is under way is about.
async fn goal_of(stores: &Stores, goal: JobId) -> Result<Option<String>, StoreError> {
    let Some(job) = stores.jobs.job(goal).await?.filter(|job| job_state(job) == "on") else {
        return Ok(None);
    };
    Ok(JobDefinition::of(&job).ok().and_then(|definition| match definition.payload {
        Payload::Goal { text, .. } => Some(text),
        _ => None,
    }))
}

/// One line of bounded length.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    beginning(&words.join(" "), LONGEST).to_owned()
}

fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}
