//! `VectorIndex`.

use super::{
    StoreHarness,
    fixture::{Must, Rig, member, session, uuid},
};
use crate::{
    MemoryFile, MemoryKind, MemoryQuery, MemorySection, Message, MessageId, Part, Principal, PrincipalId,
    Role, Scope, SessionKey, Timestamp, TurnId, VectorIndex, VectorMark,
};

const MODEL: &str = "test/angles";

fn index(rig: &Rig) -> &dyn VectorIndex {
    rig.stores.vectors.as_ref()
}

fn owner() -> PrincipalId {
    Principal::owner().id
}

/// A text stands for an angle: `north 40` lies 40 degrees from `north 0`.
fn vector(text: &str) -> Option<Vec<f32>> {
    let angle: f32 = text.rsplit(' ').next()?.parse().ok()?;
    let (sine, cosine) = angle.to_radians().sin_cos();
    // Of whatever length: direction alone counts.
    Some(vec![cosine * 3.0, sine * 3.0])
}

fn at_zero() -> Vec<f32> {
    vec![1.0, 0.0]
}

fn said_at(text: &str, at: i64) -> Message {
    Message {
        id: MessageId(uuid()),
        role: Role::User,
        principal: None,
        turn: TurnId(uuid()),
        at: Timestamp(at),
        parts: vec![Part::text(text)],
    }
}

async fn tell(rig: &Rig, key: &SessionKey, person: &PrincipalId, texts: &[&str]) {
    let messages = (1..).zip(texts).map(|(at, text)| said_at(text, at * 10)).collect();
    rig.stores.sessions.import_session(key, person, messages).await.must();
}

async fn note(rig: &Rig, path: &str, person: &PrincipalId, texts: &[&str]) {
    let sections = (1..).zip(texts).map(|(line, text)| MemorySection { line, text: (*text).to_owned() });
    let file = MemoryFile {
        path: path.into(),
        person: person.clone(),
        stamp: texts.concat(),
        at: Timestamp(5),
        sections: sections.collect(),
    };
    rig.stores.memory.index_file(file).await.must();
}

/// Gives all texts their vectors, few at a time; returns what was given out, in order.
async fn embed(rig: &Rig) -> Vec<String> {
    let mut given = Vec::new();
    loop {
        let without = index(rig).texts_without_vector(MODEL, 2).await.must();
        let vectors = without.texts.iter().map(|(no, text)| (*no, vector(text))).collect();
        given.extend(without.texts.into_iter().map(|(_, text)| text));
        index(rig).keep_vectors(without.mark, vectors).await.must();
        if !without.left {
            return given;
        }
    }
}

fn all() -> MemoryQuery {
    MemoryQuery { limit: 50, ..MemoryQuery::default() }
}

async fn near(rig: &Rig, scope: &Scope, query: MemoryQuery) -> Vec<String> {
    let nearest = index(rig).nearest(scope, &query, &at_zero(), -2.0).await.must();
    nearest.hits.into_iter().map(|hit| hit.text).collect()
}

/// What is near enough is found, the nearest first, as many as are asked for.
pub async fn what_lies_near_is_found_the_nearest_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(1), &owner(), &["said 80", "said 20", "said 170", "said 50"]).await;
    note(&rig, "memory/MEMORY.md", &owner(), &["noted 30"]).await;
    embed(&rig).await;
    let everything = ["said 20", "noted 30", "said 50", "said 80", "said 170"];
    assert_eq!(near(&rig, &Scope::All, all()).await, everything);
    let nearest = index(&rig).nearest(&Scope::All, &all(), &at_zero(), 0.6).await.must();
    assert_eq!(nearest.hits.iter().map(|hit| hit.text.as_str()).collect::<Vec<_>>(), everything[..3]);
    assert_eq!(near(&rig, &Scope::All, MemoryQuery { limit: 2, ..all() }).await, everything[..2]);
    let other = index(&rig).nearest(&Scope::All, &all(), &[1.0, 0.0, 0.0], -2.0).await.must();
    assert!(other.hits.is_empty());
    assert!(index(&rig).nearest(&Scope::All, &all(), &[0.0, 0.0], -2.0).await.must().hits.is_empty());
}

/// Texts are given out, the oldest first, until they have their vectors; blank ones and forgotten ones are not, nor one that
/// got none.
pub async fn a_text_is_given_out_until_it_has_a_vector(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(1), &owner(), &["a 1", "  ", "b 2", "no angle", "forgotten 3", "c 4"]).await;
    rig.stores.memory.forget_message(&Scope::All, &session(1), 5).await.must();
    for _ in 0..2 {
        let without = index(&rig).texts_without_vector(MODEL, 1).await.must();
        let texts: Vec<&str> = without.texts.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!((texts, without.left), (vec!["a 1"], true));
    }
    assert_eq!(embed(&rig).await, ["a 1", "b 2", "no angle", "c 4"]);
    let other = Rig::open_as(h, 2).await;
    assert!(embed(&other).await.is_empty());
    tell(&rig, &session(2), &owner(), &["d 5"]).await;
    assert_eq!(embed(&other).await, ["d 5"]);
    assert_eq!(near(&rig, &Scope::All, all()).await, ["a 1", "b 2", "c 4", "d 5"]);
}

/// An answer says whether something was not compared.
pub async fn a_text_without_a_vector_is_told(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(1), &owner(), &["a 1"]).await;
    embed(&rig).await;
    let behind = async || index(&rig).nearest(&Scope::All, &all(), &at_zero(), 0.0).await.must().behind;
    assert!(!behind().await);
    tell(&rig, &session(1), &owner(), &["b 1"]).await;
    assert!(behind().await);
    embed(&rig).await;
    assert!(!behind().await);
    note(&rig, "memory/MEMORY.md", &owner(), &["c 1"]).await;
    assert!(behind().await);
}

/// A scope limits what is near as it limits what is recalled; from the moment on at which another person speaks in a session it
/// is near for nobody alone.
pub async fn a_scope_limits_what_is_near(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let ann = member("ann").id;
    tell(&rig, &session(1), &owner(), &["of the owner 10"]).await;
    tell(&rig, &session(2), &ann, &["of ann 20"]).await;
    note(&rig, "memory/MEMORY.md", &owner(), &["file of the owner 30"]).await;
    note(&rig, "people/ann/notes.md", &ann, &["file of ann 40"]).await;
    embed(&rig).await;
    let shown = async |scope: Scope| near(&rig, &scope, all()).await;
    assert_eq!(shown(Scope::All).await.len(), 4);
    assert_eq!(shown(Scope::Of(owner())).await, ["of the owner 10", "file of the owner 30"]);
    assert_eq!(shown(Scope::Of(ann.clone())).await, ["of ann 20", "file of ann 40"]);
    assert!(shown(Scope::Of(member("bob").id)).await.is_empty());
    assert_eq!(shown(Scope::Session(session(2))).await, ["of ann 20"]);
    rig.accept(crate::Inbound { principal: member("ann"), ..super::fixture::inbound("hello") }).await;
    assert_eq!(shown(Scope::Of(owner())).await, ["file of the owner 30"]);
    assert_eq!(shown(Scope::Session(session(1))).await, ["of the owner 10"]);
}

/// A query narrows what is near by session, person, time and kind.
pub async fn what_is_near_is_narrowed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let ann = member("ann").id;
    tell(&rig, &session(1), &owner(), &["a 10", "b 20"]).await;
    tell(&rig, &session(2), &ann, &["c 30"]).await;
    note(&rig, "people/ann/notes.md", &ann, &["d 40"]).await;
    embed(&rig).await;
    for (query, expected) in [
        (MemoryQuery { session: Some(session(1)), ..all() }, vec!["a 10", "b 20"]),
        (MemoryQuery { person: Some(ann.clone()), ..all() }, vec!["c 30", "d 40"]),
        (MemoryQuery { since: Some(Timestamp(20)), ..all() }, vec!["b 20"]),
        (MemoryQuery { until: Some(Timestamp(20)), ..all() }, vec!["a 10", "c 30", "d 40"]),
        (MemoryQuery { kind: Some(MemoryKind::Note), ..all() }, vec!["d 40"]),
        (MemoryQuery { kind: Some(MemoryKind::Message), ..all() }, vec!["a 10", "b 20", "c 30"]),
        (MemoryQuery { kind: Some(MemoryKind::Result), ..all() }, vec![]),
    ] {
        assert_eq!(near(&rig, &Scope::All, query.clone()).await, expected, "{query:?}");
    }
}

/// What was cleared, deleted, forgotten or replaced is near nothing; what comes later is near again.
pub async fn what_went_is_near_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(1), &owner(), &["cleared 1"]).await;
    tell(&rig, &session(2), &owner(), &["deleted 2"]).await;
    tell(&rig, &session(3), &owner(), &["forgotten 3", "stays 4"]).await;
    note(&rig, "memory/MEMORY.md", &owner(), &["replaced 5", "stays 6"]).await;
    embed(&rig).await;
    assert_eq!(near(&rig, &Scope::All, all()).await.len(), 6);
    rig.stores.sessions.clear_session(&Scope::All, &session(1)).await.must();
    rig.stores.sessions.delete_session(&Scope::All, &session(2)).await.must();
    rig.stores.memory.forget_message(&Scope::All, &session(3), 1).await.must();
    note(&rig, "memory/MEMORY.md", &owner(), &["stays 6"]).await;
    assert_eq!(near(&rig, &Scope::All, all()).await, ["stays 4", "stays 6"]);
    tell(&rig, &session(1), &owner(), &["new 1"]).await;
    embed(&rig).await;
    assert_eq!(near(&rig, &Scope::All, all()).await, ["new 1", "stays 4", "stays 6"]);
}

/// A section whose text stays keeps its vector, wherever the file moves it.
pub async fn a_section_that_stays_keeps_its_vector(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    note(&rig, "memory/MEMORY.md", &owner(), &["one 1", "two 2"]).await;
    assert_eq!(embed(&rig).await, ["one 1", "two 2"]);
    note(&rig, "memory/MEMORY.md", &owner(), &["zero 0", "one 1", "three 3"]).await;
    assert_eq!(embed(&rig).await, ["zero 0", "three 3"]);
    assert_eq!(near(&rig, &Scope::All, all()).await, ["zero 0", "one 1", "three 3"]);
}

/// Vectors of another model are forgotten, and those of an older generation dropped.
pub async fn another_model_begins_anew(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(1), &owner(), &["a 1"]).await;
    embed(&rig).await;
    let other = index(&rig).texts_without_vector("test/other", 9).await.must();
    assert_eq!(other.texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["a 1"]);
    assert!(near(&rig, &Scope::All, all()).await.is_empty());
    let stale = VectorMark { generation: other.mark.generation - 1, ..other.mark };
    let vectors = vec![(other.texts[0].0, Some(at_zero()))];
    index(&rig).keep_vectors(stale, vectors.clone()).await.must();
    assert!(near(&rig, &Scope::All, all()).await.is_empty());
    let longer = vec![(other.texts[0].0, Some(vec![1.0, 0.0, 0.0]))];
    index(&rig).keep_vectors(other.mark, longer).await.must();
    let nearest = index(&rig).nearest(&Scope::All, &all(), &[1.0, 0.0, 0.0], 0.9).await.must();
    assert_eq!(nearest.hits.len(), 1);
}
