//! What becomes of what two accounts have when they turn out to be one person's.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound_to, member, message, notice, saying, session},
};
use crate::{
    Batch, Inbound, KvWrite, MemoryFile, MemoryQuery, MemorySection, PersonWrite, PrincipalId, Scope,
    Timestamp, Writes,
};

async fn write(rig: &Rig, writes: Writes) {
    rig.mailbox().accept(None, Batch { writes, ..Batch::default() }, None).await.must();
}

fn set(owner: &PrincipalId, key: &str, value: &str) -> KvWrite {
    KvWrite::Set { owner: owner.clone(), key: key.into(), value: value.into(), expires_at: None }
}

async fn speak(rig: &Rig, n: u32, name: &str, text: &str) {
    rig.accept(Inbound { principal: member(name), ..inbound_to(&session(n), text) }).await;
    let turn = rig.lease().await;
    rig.commit(&turn, saying(vec![message(&turn, text)])).await;
}

async fn recalled(rig: &Rig, person: &PrincipalId) -> Vec<String> {
    let query = MemoryQuery { text: "tea".into(), limit: 9, ..MemoryQuery::default() };
    let found = rig.stores.memory.recall(&Scope::Of(person.clone()), &query).await.must();
    let mut texts: Vec<String> = found.hits.into_iter().map(|hit| hit.text).collect();
    texts.sort();
    texts
}

/// From a join on, what one account had is the other's: sessions, values, files. A value of the same name stays as it was.
pub async fn what_one_account_had_is_the_others_after_a_join(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let (ann, bob, eve) = (member("ann").id, member("bob").id, member("eve").id);
    speak(&rig, 1, "ann", "tea of ann").await;
    speak(&rig, 2, "bob", "tea of bob").await;
    speak(&rig, 3, "eve", "tea of eve").await;
    let sections = vec![MemorySection { line: 1, text: "tea file of bob".into() }];
    let (path, stamp, at) = ("people/bob/a.md".to_owned(), String::new(), Timestamp(1));
    rig.stores.memory.index_file(MemoryFile { path, person: bob.clone(), stamp, at, sections }).await.must();
    while rig.stores.memory.index_messages(9).await.must().left {}
    let kv = vec![
        set(&ann, "name", "Ann"),
        set(&bob, "name", "Bob"),
        set(&bob, "city", "Graz"),
        set(&eve, "city", "Linz"),
    ];
    write(&rig, Writes { kv, ..Writes::default() }).await;
    let people = vec![PersonWrite::Join { from: bob.clone(), into: ann.clone() }];
    write(&rig, Writes { people, ..Writes::default() }).await;
    assert_eq!(recalled(&rig, &ann).await, ["tea file of bob", "tea of ann", "tea of bob"]);
    assert!(recalled(&rig, &bob).await.is_empty());
    assert_eq!(recalled(&rig, &eve).await, ["tea of eve"]);
    let value = async |owner: &PrincipalId, key: &str| {
        rig.stores.kv.kv_get(owner, key).await.must().map(|entry| entry.value)
    };
    assert_eq!(value(&ann, "name").await.as_deref(), Some("Ann"));
    assert_eq!(value(&ann, "city").await.as_deref(), Some("Graz"));
    assert_eq!((value(&bob, "name").await, value(&bob, "city").await), (None, None));
    assert_eq!(value(&eve, "city").await.as_deref(), Some("Linz"));
    // The one who speaks on in either session is that person alone.
    speak(&rig, 2, "ann", "more tea").await;
    while rig.stores.memory.index_messages(9).await.must().left {}
    assert_eq!(recalled(&rig, &ann).await.len(), 4);
}

/// After accounts are parted, what was said until then stays, and what is said and noted anew is each one's own.
pub async fn parted_accounts_keep_apart_what_comes_later(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let (ann, bob) = (member("ann").id, member("bob").id);
    speak(&rig, 1, "bob", "tea before").await;
    let sections = vec![MemorySection { line: 1, text: "tea file".into() }];
    let (path, stamp, at) = ("people/bob/a.md".to_owned(), String::new(), Timestamp(1));
    rig.stores.memory.index_file(MemoryFile { path, person: bob.clone(), stamp, at, sections }).await.must();
    let people = vec![PersonWrite::Join { from: bob.clone(), into: ann.clone() }];
    write(&rig, Writes { people, ..Writes::default() }).await;
    let people = vec![PersonWrite::Part { from: bob.clone() }];
    write(&rig, Writes { people, outbox: vec![notice(&session(1), "parted")], ..Writes::default() }).await;
    speak(&rig, 2, "bob", "tea after").await;
    while rig.stores.memory.index_messages(9).await.must().left {}
    assert_eq!(recalled(&rig, &ann).await, ["tea before"]);
    assert_eq!(recalled(&rig, &bob).await, ["tea after", "tea file"]);
}
