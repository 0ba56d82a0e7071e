//! `KvStore`, and how `Writes` changes it.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound, member, seconds, step},
};
use crate::{KvWrite, Principal, PrincipalId, Timestamp, Turn, Writes};

async fn write(rig: &Rig, turn: &Turn, kv: Vec<KvWrite>) {
    rig.mailbox().journal(&turn.lease, step("call-1"), Writes { kv, ..Writes::default() }).await.must();
}

fn set(owner: &str, key: &str, value: &str) -> KvWrite {
    let owner = PrincipalId(owner.into());
    KvWrite::Set { owner, key: key.into(), value: value.into(), expires_at: None }
}

async fn opened(h: &dyn StoreHarness) -> (Rig, Turn) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("hello")).await;
    let turn = rig.lease().await;
    (rig, turn)
}

/// A value is read as it was set last.
pub async fn a_later_value_replaces_an_earlier_one(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    assert_eq!(rig.value("key").await, None);
    write(&rig, &turn, vec![set("owner", "key", "one")]).await;
    write(&rig, &turn, vec![set("owner", "key", "two")]).await;
    assert_eq!(rig.value("key").await.as_deref(), Some("two"));
}

/// A deleted value is gone, and deleting what is not there is fine.
pub async fn a_deleted_value_is_gone(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    write(&rig, &turn, vec![set("owner", "key", "one")]).await;
    let delete = || KvWrite::Delete { owner: Principal::owner().id, key: "key".into() };
    write(&rig, &turn, vec![delete()]).await;
    write(&rig, &turn, vec![delete()]).await;
    assert_eq!(rig.value("key").await, None);
}

/// Nothing of another owner is ever returned.
pub async fn owners_are_apart(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    write(&rig, &turn, vec![set("ann", "key", "hers"), set("owner", "other", "mine")]).await;
    let (ann, kv) = (member("ann").id, &rig.stores.kv);
    assert_eq!(rig.value("key").await, None);
    assert_eq!(kv.kv_get(&ann, "key").await.must().must().value, "hers");
    let names = |entries: Vec<crate::KvEntry>| entries.into_iter().map(|e| e.key).collect::<Vec<_>>();
    assert_eq!(names(kv.kv_list(&ann, "", 10).await.must()), ["key"]);
    assert_eq!(names(kv.kv_search(&ann, "e", 10).await.must()), ["key"]);
}

/// From its end on a value does not exist.
pub async fn an_expired_value_does_not_exist(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    let owner = Principal::owner().id;
    let expires_at: Option<Timestamp> = Some(rig.now().plus(seconds(10)));
    let short = KvWrite::Set { owner: owner.clone(), key: "key".into(), value: "x".into(), expires_at };
    write(&rig, &turn, vec![short]).await;
    rig.clock.advance(seconds(9));
    let entry = rig.stores.kv.kv_get(&owner, "key").await.must().must();
    assert_eq!(entry.expires_at, expires_at);
    rig.clock.advance(seconds(1));
    assert_eq!(rig.value("key").await, None);
    assert!(rig.stores.kv.kv_list(&owner, "", 10).await.must().is_empty());
    assert!(rig.stores.kv.kv_search(&owner, "x", 10).await.must().is_empty());
}

/// A list holds the values with a prefix, by name, at most as many as asked for.
pub async fn a_list_is_by_prefix_and_name(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    let names = ["b/2", "a/1", "b/1", "b_3", "B/4"];
    write(&rig, &turn, names.iter().map(|name| set("owner", name, "x")).collect()).await;
    for (prefix, limit, expected) in
        [("b/", 10, vec!["b/1", "b/2"]), ("b/", 1, vec!["b/1"]), ("b_", 10, vec!["b_3"]), ("c", 10, vec![])]
    {
        let listed = rig.stores.kv.kv_list(&Principal::owner().id, prefix, limit).await.must();
        let keys: Vec<&str> = listed.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, expected, "{prefix}");
    }
}

/// Search looks at names and values, ignores the case of letters, and knows no wildcards.
pub async fn search_looks_at_names_and_values(h: &dyn StoreHarness) {
    let (rig, turn) = opened(h).await;
    let values = [set("owner", "Berlin", "a city"), set("owner", "city", "Paris"), set("owner", "z", "100%")];
    write(&rig, &turn, values.to_vec()).await;
    for (text, limit, expected) in [
        ("CITY", 10, vec!["Berlin", "city"]),
        ("city", 1, vec!["Berlin"]),
        ("0%", 10, vec!["z"]),
        ("b%n", 10, vec![]),
    ] {
        let found = rig.stores.kv.kv_search(&Principal::owner().id, text, limit).await.must();
        let keys: Vec<&str> = found.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, expected, "{text}");
    }
}
