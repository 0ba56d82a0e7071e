//! `MemoryIndex`.

use super::{
    StoreHarness,
    fixture::{Must, Rig, member, session, uuid},
};
use crate::{
    CallId, MemoryFile, MemoryIndex, MemoryKind, MemoryPlace, MemoryQuery, MemorySection, Message, MessageId,
    Part, Principal, PrincipalId, RANKED, Role, Scope, SessionKey, Timestamp, ToolResult, ToolStatus, TurnId,
};

fn index(rig: &Rig) -> &dyn MemoryIndex {
    rig.stores.memory.as_ref()
}

fn owner() -> PrincipalId {
    Principal::owner().id
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

/// Stores messages of a session and has them taken up.
async fn tell(rig: &Rig, key: &SessionKey, person: &PrincipalId, messages: Vec<Message>) {
    rig.stores.sessions.import_session(key, person, messages).await.must();
    while index(rig).index_messages(700).await.must().left {}
}

async fn tell_texts(rig: &Rig, texts: &[&str]) {
    let messages = texts.iter().enumerate().map(|(at, text)| said_at(text, at as i64)).collect();
    tell(rig, &session(1), &owner(), messages).await;
}

fn query(text: &str) -> MemoryQuery {
    MemoryQuery { text: text.into(), limit: 50, ..MemoryQuery::default() }
}

async fn found(rig: &Rig, scope: &Scope, query: MemoryQuery) -> Vec<String> {
    let recalled = index(rig).recall(scope, &query).await.must();
    recalled.hits.into_iter().map(|hit| hit.text).collect()
}

fn note(path: &str, person: &PrincipalId, texts: &[&str]) -> MemoryFile {
    MemoryFile {
        path: path.into(),
        person: person.clone(),
        stamp: texts.concat(),
        at: Timestamp(5),
        sections: (1..)
            .zip(texts)
            .map(|(line, text)| MemorySection { line, text: (*text).to_owned() })
            .collect(),
    }
}

/// A message is found by any of its words, in whatever case they are written, with its place and its time.
pub async fn what_was_said_is_found_by_its_words(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["The kettle is GREEN", "nothing of it"]).await;
    for text in ["kettle", "green", "a Green Kettle?", "KETTLE unknownword"] {
        let hits = index(&rig).recall(&Scope::All, &query(text)).await.must().hits;
        let [hit] = hits.as_slice() else { return assert_eq!(hits, [], "{text}") };
        assert_eq!(hit.place, MemoryPlace::Message { session: session(1), seq: 1 });
        assert_eq!((hit.kind, hit.role, hit.at), (MemoryKind::Message, Some(Role::User), Timestamp(0)));
        assert_eq!(hit.text, "The kettle is GREEN");
    }
    assert!(found(&rig, &Scope::All, query("unknownword")).await.is_empty());
}

/// Words of scripts without spaces are found inside a text, those of one and two characters too.
pub async fn words_of_scripts_without_spaces_are_found(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["我们下周去柏林旅行", "東京のラーメン", "other"]).await;
    for (text, expected) in [
        ("柏林", "我们下周去柏林旅行"),
        ("旅", "我们下周去柏林旅行"),
        ("柏林旅行", "我们下周去柏林旅行"),
        ("ラーメン", "東京のラーメン"),
    ] {
        assert_eq!(found(&rig, &Scope::All, query(text)).await, [expected], "{text}");
    }
    assert!(found(&rig, &Scope::All, query("伦敦")).await.is_empty());
}

/// Whatever text is asked for, the answer is no error; one without words finds nothing.
pub async fn any_text_is_a_query(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["plain words"]).await;
    let odd = [
        "",
        " ",
        "\"",
        "'",
        "*",
        "AND",
        "OR OR",
        "NOT x",
        "NEAR(",
        "a:b",
        "^x",
        "-",
        "{a b} : c",
        "(",
        "\0",
        "%_",
        "\u{e000}p1",
        "x* y+",
        "--",
        ";",
        "\u{ff08}",
        "\\",
    ];
    for text in odd {
        assert!(found(&rig, &Scope::All, query(text)).await.is_empty(), "{text:?}");
        assert_eq!(
            found(&rig, &Scope::All, query(&format!("{text} plain"))).await,
            ["plain words"],
            "{text:?}"
        );
    }
}

/// What holds more of the words comes first; of equals the newer.
pub async fn what_holds_more_of_the_words_comes_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let now = rig.now().0;
    let texts = ["red tea cup", "tea pot one", "tea pot one", "cup"];
    let messages =
        texts.iter().zip(1..).map(|(text, day)| said_at(text, now - (9 - day) * 86_400_000)).collect();
    tell(&rig, &session(1), &owner(), messages).await;
    let hits = index(&rig).recall(&Scope::All, &query("red tea cup")).await.must().hits;
    let seqs: Vec<MemoryPlace> = hits.into_iter().map(|hit| hit.place).collect();
    let place = |seq| MemoryPlace::Message { session: session(1), seq };
    assert_eq!(seqs.first(), Some(&place(1)));
    let at = |seq| seqs.iter().position(|found| *found == place(seq));
    assert!(at(3) < at(2), "{seqs:?}");
}

/// A message is taken up once; with nothing to take up nothing is.
pub async fn a_message_is_taken_up_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["first", "second", "third"]).await;
    let other = Rig::open_as(h, 2).await;
    for rig in [&rig, &other] {
        assert_eq!(index(rig).index_messages(10).await.must(), crate::IndexProgress::default());
        assert_eq!(found(rig, &Scope::All, query("first second")).await.len(), 2);
    }
}

/// A scope limits what is recalled: a person finds what was said in sessions of their own, a session finds its own.
pub async fn a_scope_limits_recall(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let ann = member("ann").id;
    tell(&rig, &session(1), &owner(), vec![said_at("secret of the owner", 1)]).await;
    tell(&rig, &session(2), &ann, vec![said_at("secret of ann", 1)]).await;
    index(&rig).index_file(note("memory/MEMORY.md", &owner(), &["secret file of the owner"])).await.must();
    for (scope, expected) in [
        (Scope::All, vec!["secret file of the owner", "secret of ann", "secret of the owner"]),
        (Scope::Of(owner()), vec!["secret file of the owner", "secret of the owner"]),
        (Scope::Of(ann.clone()), vec!["secret of ann"]),
        (Scope::Of(member("bob").id), vec![]),
        (Scope::Session(session(2)), vec!["secret of ann"]),
        (Scope::Session(session(1)), vec!["secret of the owner"]),
    ] {
        let mut hits = found(&rig, &scope, query("secret")).await;
        hits.sort();
        assert_eq!(hits, expected, "{scope:?}");
    }
}

/// From the moment on at which another person speaks in it, what was said in a session is recalled for nobody alone.
pub async fn a_shared_session_belongs_to_nobody_alone(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["secret"]).await;
    let ann = crate::Inbound { principal: member("ann"), ..super::fixture::inbound("hello") };
    rig.accept(ann).await;
    for person in [owner(), member("ann").id] {
        assert!(found(&rig, &Scope::Of(person), query("secret")).await.is_empty());
    }
    assert_eq!(found(&rig, &Scope::Session(session(1)), query("secret")).await, ["secret"]);
}

/// What one person alone said in a group is the group's and recalled for nobody alone; so is what is said in sessions that it
/// starts. Their own private session stays theirs.
pub async fn a_group_belongs_to_nobody_alone(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell(&rig, &session(2), &owner(), vec![said_at("secret in private", 1)]).await;
    rig.accept(crate::Inbound { shared: true, ..super::fixture::inbound("hello") }).await;
    tell(&rig, &session(1), &owner(), vec![said_at("secret in the group", 1)]).await;
    let child = super::fixture::inbound_to(&session(3), "look into it");
    rig.accept(crate::Inbound { parent: Some(session(1)), ..child }).await;
    tell(&rig, &session(3), &owner(), vec![said_at("secret of its agent", 1)]).await;
    assert_eq!(found(&rig, &Scope::Of(owner()), query("secret")).await, ["secret in private"]);
    assert_eq!(found(&rig, &Scope::Session(session(1)), query("secret")).await, ["secret in the group"]);
    let budget = crate::WindowBudget { messages: 9, bytes: 9_000 };
    for (n, shared) in [(1, true), (2, false), (3, true)] {
        let info = rig.stores.sessions.session(&Scope::All, &session(n)).await.must();
        assert_eq!(info.map(|info| info.shared), Some(shared), "{n}");
        let window = rig.stores.sessions.window(&Scope::All, &session(n), budget).await.must();
        assert_eq!(window.shared, shared, "{n}");
    }
}

/// A query is narrowed by session, person, time and kind, and by the number of hits.
pub async fn recall_is_narrowed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let ann = member("ann").id;
    tell(&rig, &session(1), &owner(), vec![said_at("tea one", 10), said_at("tea two", 20)]).await;
    tell(&rig, &session(2), &ann, vec![said_at("tea three", 30)]).await;
    index(&rig).index_file(note("people/ann/notes.md", &ann, &["tea four"])).await.must();
    let base = query("tea");
    for (query, expected) in [
        (MemoryQuery { session: Some(session(1)), ..base.clone() }, vec!["tea one", "tea two"]),
        (MemoryQuery { person: Some(ann.clone()), ..base.clone() }, vec!["tea four", "tea three"]),
        (MemoryQuery { since: Some(Timestamp(20)), ..base.clone() }, vec!["tea three", "tea two"]),
        (MemoryQuery { until: Some(Timestamp(20)), ..base.clone() }, vec!["tea four", "tea one"]),
        (MemoryQuery { kind: Some(MemoryKind::Note), ..base.clone() }, vec!["tea four"]),
        (MemoryQuery { kind: Some(MemoryKind::Result), ..base.clone() }, vec![]),
    ] {
        let mut hits = found(&rig, &Scope::All, query.clone()).await;
        hits.sort();
        assert_eq!(hits, expected, "{query:?}");
    }
    let few = index(&rig).recall(&Scope::All, &MemoryQuery { limit: 3, ..base.clone() }).await.must();
    assert_eq!((few.hits.len(), few.more), (3, true));
    assert!(!index(&rig).recall(&Scope::All, &base).await.must().more);
}

/// What was taken away with a clear or a deletion is not found any more; what comes later is.
pub async fn what_is_taken_away_is_not_found(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let sessions = &rig.stores.sessions;
    tell(&rig, &session(1), &owner(), vec![said_at("tea one", 1)]).await;
    tell(&rig, &session(2), &owner(), vec![said_at("tea two", 1)]).await;
    sessions.clear_session(&Scope::All, &session(1)).await.must();
    assert_eq!(found(&rig, &Scope::All, query("tea")).await, ["tea two"]);
    sessions.delete_session(&Scope::All, &session(2)).await.must();
    assert!(found(&rig, &Scope::All, query("tea")).await.is_empty());
    tell(&rig, &session(1), &owner(), vec![said_at("tea three", 1)]).await;
    tell(&rig, &session(2), &owner(), vec![said_at("tea four", 1)]).await;
    assert_eq!(found(&rig, &Scope::All, query("tea")).await.len(), 2);
}

/// A tool's result is found by what the model read of it.
pub async fn a_tool_result_is_found(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let result = ToolResult::new(
        CallId("call-1".into()),
        "look".into(),
        ToolStatus::Ok,
        vec![Part::text("the barometer fell")],
    );
    let parts = vec![Part::ToolResult(result)];
    tell(&rig, &session(1), &owner(), vec![Message { role: Role::Tool, parts, ..said_at("", 1) }]).await;
    let results = MemoryQuery { kind: Some(MemoryKind::Result), ..query("barometer") };
    assert_eq!(found(&rig, &Scope::All, results).await, ["the barometer fell"]);
}

/// A file is known as it was given last, and forgotten with its last section.
pub async fn a_file_is_replaced_and_forgotten(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let path = "memory/2026-11-21.md";
    index(&rig).index_file(note(path, &owner(), &["tea one", "cup two"])).await.must();
    let hits = index(&rig).recall(&Scope::Of(owner()), &query("cup")).await.must().hits;
    assert_eq!(
        hits.iter().map(|hit| &hit.place).collect::<Vec<_>>(),
        [&MemoryPlace::File { path: path.into(), line: 2 }]
    );
    index(&rig).index_file(note(path, &owner(), &["tea three"])).await.must();
    assert_eq!(found(&rig, &Scope::All, query("tea cup")).await, ["tea three"]);
    assert_eq!(index(&rig).indexed_files().await.must(), [(path.to_owned(), "tea three".to_owned())]);
    index(&rig).index_file(note(path, &owner(), &[])).await.must();
    assert!(found(&rig, &Scope::All, query("tea")).await.is_empty());
    assert!(index(&rig).indexed_files().await.must().is_empty());
}

/// The sections of a file are read from a line on by whom it belongs to.
pub async fn a_note_is_read_by_whom_it_belongs_to(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let path = "memory/MEMORY.md";
    index(&rig).index_file(note(path, &owner(), &["one", "two", "three", "four"])).await.must();
    let ann = member("ann").id;
    for (scope, line, limit, expected) in [
        (Scope::Of(owner()), 2, 2, vec!["two", "three"]),
        (Scope::All, 4, 9, vec!["four"]),
        (Scope::All, 5, 9, vec![]),
        (Scope::Of(ann), 1, 9, vec![]),
        (Scope::Session(session(1)), 1, 9, vec![]),
    ] {
        let sections = index(&rig).notes(&scope, path, line, limit).await.must();
        assert_eq!(
            sections.iter().map(|section| section.text.as_str()).collect::<Vec<_>>(),
            expected,
            "{scope:?}"
        );
    }
    assert!(index(&rig).notes(&Scope::All, "memory/other.md", 1, 9).await.must().is_empty());
}

/// A message that was forgotten is never found again and stays in its session; what lies outside a scope is not forgotten.
pub async fn a_forgotten_message_is_never_found_again(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["tea one", "tea two"]).await;
    let ann = Scope::Of(member("ann").id);
    assert!(!index(&rig).forget_message(&ann, &session(1), 1).await.must());
    assert!(!index(&rig).forget_message(&Scope::All, &session(1), 3).await.must());
    assert!(!index(&rig).forget_message(&Scope::All, &session(2), 1).await.must());
    assert!(index(&rig).forget_message(&Scope::All, &session(1), 1).await.must());
    assert_eq!(found(&rig, &Scope::All, query("tea")).await, ["tea two"]);
    index(&rig).forget_index().await.must();
    while index(&rig).index_messages(1).await.must().left {}
    assert_eq!(found(&rig, &Scope::All, query("tea")).await, ["tea two"]);
    assert_eq!(rig.history(&session(1)).await, ["tea one", "tea two"]);
    rig.stores.sessions.clear_session(&Scope::All, &session(1)).await.must();
    tell_texts(&rig, &["tea three"]).await;
    assert_eq!(found(&rig, &Scope::All, query("tea")).await, ["tea three"]);
}

/// An index that was forgotten is taken up anew; its files come back when they are given again.
pub async fn a_forgotten_index_is_taken_up_anew(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    tell_texts(&rig, &["tea one", "tea two"]).await;
    index(&rig).index_file(note("memory/MEMORY.md", &owner(), &["tea three"])).await.must();
    index(&rig).forget_index().await.must();
    assert!(index(&rig).indexed_files().await.must().is_empty());
    while index(&rig).index_messages(1).await.must().left {}
    let mut hits = found(&rig, &Scope::All, query("tea")).await;
    hits.sort();
    assert_eq!(hits, ["tea one", "tea two"]);
}

/// With more matches than are ranked, the newest are, and the answer says so.
pub async fn more_than_is_ranked_is_said(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let messages = (0..RANKED + 10).map(|n| said_at(&format!("tea number n{n}"), n as i64)).collect();
    tell(&rig, &session(1), &owner(), messages).await;
    let recalled = index(&rig).recall(&Scope::All, &query("tea")).await.must();
    assert!(recalled.more);
    assert!(recalled.hits.iter().all(|hit| hit.at >= Timestamp(10)));
    assert_eq!(found(&rig, &Scope::All, query("n3")).await, ["tea number n3"]);
}
