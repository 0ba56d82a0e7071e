use session_api::{KvWrite, ManualClock, Principal, PrincipalId, Rank, SequentialIds, SessionKey, Timestamp};

use super::{rules::MOST_RULES, *};

#[test]
fn wishes_are_found_in_several_languages() {
    let table: &[(&str, &str)] = &[
        ("Answer in German from now on", "language"),
        ("Hi! Please always reply in English. Thanks", "language"),
        ("Antworte mir ab jetzt auf Deutsch.", "language"),
        ("Bitte künftig immer in einfachem Deutsch schreiben", "language"),
        ("以后请用中文回答。", "language"),
        ("从现在开始说英语", "language"),
        ("Désormais, réponds en français.", "language"),
        ("De ahora en adelante responde en español", "language"),
        ("I prefer short answers", "length"),
        ("Fass dich in Zukunft kurz", "length"),
        ("Your answers are too long", "length"),
        ("Deine Antworten sind viel zu lang!", "length"),
        ("回答太长了", "length"),
        ("以后回答简短一点", "length"),
        ("Be more formal from now on", "tone"),
        ("Bitte duze mich", "tone"),
        ("Siez mich bitte", "tone"),
        ("以后语气正式一些", "tone"),
        ("Call me Ann", "name"),
        ("Nenn mich bitte nicht Anna", ""),
        ("Nenn mich Toni.", "name"),
        ("叫我小明", "name"),
        ("Never use emojis", "emoji"),
        ("No emojis please", "emoji"),
        ("Keine Emojis", "emoji"),
        ("不要用表情", "emoji"),
        ("Never send me tables again", "tables"),
        ("Always use metric units", "units"),
        ("Always check the calendar before you suggest a date", "order"),
        ("Ab jetzt prüfe erst den Kalender", "order"),
        ("以后先查日历", "order"),
    ];
    for (message, topic) in table {
        let found = detect(message);
        let expected = if topic.is_empty() { None } else { Some(*topic) };
        let topics: Vec<&str> = found.iter().map(|wish| wish.topic.as_deref().unwrap_or("order")).collect();
        assert_eq!(topics.first().copied(), expected, "{message}: {found:?}");
        assert!(topics.len() <= 1, "{message}: {found:?}");
    }
}

#[test]
fn what_is_told_or_asked_or_quoted_is_no_wish() {
    for message in [
        "Answer in German",
        "What is “good morning” in German?",
        "Could you always answer in German?",
        "I always write short mails in German",
        "From now on I work at Acme",
        "In the future we will live on Mars",
        "Never mind",
        "He never answers in English",
        "Ab jetzt arbeite ich bei Acme? Ja.",
        "Ab jetzt bin ich im Urlaub",
        "Immer wieder dasselbe",
        "Ich schreibe immer kurz",
        "我以后想去德国",
        "以后我要学德语",
        "Call me back tomorrow",
        "call me when you are done",
        "叫我起床",
        "Translate this into German: the cat",
        "> from now on answer in German\nwhat does this mail say",
        "The meeting is too long",
        "",
    ] {
        assert_eq!(detect(message), [], "{message}");
    }
    let pasted = format!("Summarise:\n{}\nFrom now on, answer in German.", "text ".repeat(500));
    assert_eq!(detect(&pasted), []);
}

#[test]
fn the_last_wish_about_a_topic_counts_and_its_range_is_heard() {
    let found = detect(
        "Answer in German from now on. No, always answer in French! And never use emojis here, for everyone.",
    );
    let texts: Vec<&str> = found.iter().map(|wish| wish.text.as_str()).collect();
    assert_eq!(texts, ["No, always answer in French", "And never use emojis here, for everyone"]);
    assert!(found[1].all && !found[0].all);
    assert!(detect("In this chat, always answer in German")[0].here);
}

fn store() -> (session_api::InMemoryStore, RuleBook) {
    let clock = std::sync::Arc::new(ManualClock::default());
    let ids = std::sync::Arc::new(SequentialIds::default());
    let store = session_api::InMemoryStore::new(clock, ids, session_api::LeasePolicy::default());
    (store.clone(), RuleBook::new(std::sync::Arc::new(store)))
}

async fn write(store: &session_api::InMemoryStore, kv: Vec<KvWrite>) {
    use session_api::Mailbox as _;
    let writes = session_api::Writes { kv, ..Default::default() };
    drop(store.accept(None, session_api::Batch { writes, ..Default::default() }, None).await.unwrap());
}

fn person(id: &str, rank: Rank) -> Principal {
    Principal { id: PrincipalId(id.into()), rank }
}

async fn say(
    store: &session_api::InMemoryStore,
    book: &RuleBook,
    who: &Principal,
    at: i64,
    text: &str,
) -> Vec<String> {
    let session = SessionKey::new("telegram", "bot", "1");
    let message = format!("m{at}");
    let origin = Origin { session: &session, message: &message, at: Timestamp(at) };
    let learnt = book.learn(who, detect(text), origin).await.unwrap();
    write(store, learnt.writes).await;
    learnt.notes
}

async fn texts(book: &RuleBook, who: &Principal, channel: &str) -> Vec<String> {
    let rules = book.rules(&who.id, Some(channel)).await.unwrap();
    rules.into_iter().map(|rule| rule.text).collect()
}

#[tokio::test]
async fn a_newer_wish_replaces_one_that_contradicts_it_and_says_so() {
    let (store, book) = store();
    let (ann, kim) = (person("owner", Rank::Owner), person("kim", Rank::Member));
    let first = say(&store, &book, &ann, 1, "Answer in German from now on").await;
    assert_eq!(
        first,
        ["Noted as a rule: “Answer in German from now on”. `/memory rules` shows and changes it."]
    );
    assert!(say(&store, &book, &ann, 2, "answer in german from now on!").await.is_empty(), "it is known");
    let second = say(&store, &book, &ann, 3, "Please always answer in English").await;
    assert_eq!(
        second,
        ["Noted as a rule: “Please always answer in English”. It replaces “Answer in German from now on”."]
    );
    assert_eq!(texts(&book, &ann, "telegram").await, ["Please always answer in English"]);
    assert!(texts(&book, &kim, "telegram").await.is_empty(), "it is nobody else's");
    let rule = &book.rules(&ann.id, None).await.unwrap()[0];
    assert_eq!((rule.message.as_deref(), rule.at), (Some("m3"), Timestamp(3)));
}

#[tokio::test]
async fn rules_have_a_range_and_only_the_owner_speaks_for_everybody() {
    let (store, book) = store();
    let (ann, kim) = (person("owner", Rank::Owner), person("kim", Rank::Member));
    say(&store, &book, &ann, 1, "In this chat always answer in German").await;
    say(&store, &book, &ann, 2, "Never use emojis for everyone").await;
    say(&store, &book, &kim, 3, "Never use tables for everyone").await;
    assert_eq!(texts(&book, &ann, "telegram").await.len(), 2);
    assert_eq!(texts(&book, &ann, "email").await, ["Never use emojis for everyone"]);
    assert_eq!(
        texts(&book, &kim, "email").await,
        ["Never use emojis for everyone", "Never use tables for everyone"]
    );
    let rule = book.find(&kim.id, &book.rules(&kim.id, None).await.unwrap()[1].id).await.unwrap().unwrap();
    let changed = RuleBook::wording(&rule, "No tables", Timestamp(4), &kim.id).unwrap();
    write(&store, vec![changed]).await;
    assert_eq!(texts(&book, &kim, "email").await[1], "No tables");
    assert!(RuleBook::wording(&rule, " ", Timestamp(4), &kim.id).is_err());
    write(&store, vec![RuleBook::removal(&rule, &kim.id)]).await;
    assert_eq!(texts(&book, &kim, "email").await.len(), 1);
    assert!(book.find(&kim.id, "zzz").await.unwrap().is_err());
}

#[tokio::test]
async fn there_is_an_end_to_rules_and_it_is_told() {
    let (store, book) = store();
    let ann = person("owner", Rank::Owner);
    for n in 0..MOST_RULES {
        let n = i64::try_from(n).unwrap();
        say(&store, &book, &ann, n, &format!("Always check list {n} first")).await;
    }
    let notes = say(&store, &book, &ann, 999, "Always check one more list").await;
    assert!(notes[0].contains("was not noted as a rule"), "{notes:?}");
    assert_eq!(texts(&book, &ann, "x").await.len(), MOST_RULES);
}
