use parking_lot::Mutex;
use session_api::{
    InMemoryStore, LeasePolicy, ManualClock, Message, MessageId, Part, Principal, Role, SequentialIds,
    SessionStore as _, Timestamp, TurnId,
};

use super::*;
use crate::{Embedded, WordEmbedder};

/// Words of which the embedder knows that they mean the same.
const SAME: [(&str, &str); 2] = [("physician", "doctor"), ("appointment", "visit")];

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Fine,
    Down,
    Silent,
    /// Refuses texts with this word.
    Refuses(&'static str),
}

struct Server {
    mood: Mutex<Mood>,
    sent: Mutex<Vec<usize>>,
}

#[async_trait]
impl Embedder for Server {
    fn model(&self) -> &str {
        "synonyms"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError> {
        self.sent.lock().push(texts.len());
        let mood = *self.mood.lock();
        match mood {
            Mood::Down => return Err(ModelError::new(ModelErrorKind::Unavailable, "it is on fire")),
            Mood::Silent => std::future::pending().await,
            Mood::Refuses(word) if texts.iter().any(|text| text.contains(word)) => {
                return Err(ModelError::new(ModelErrorKind::BadRequest, "no such words"));
            }
            _ => {}
        }
        let plain = |text: &String| {
            SAME.iter().fold(text.to_lowercase(), |text, (word, other)| text.replace(word, other))
        };
        WordEmbedder.embed(&texts.iter().map(plain).collect::<Vec<_>>()).await
    }
}

struct Rig {
    store: Arc<InMemoryStore>,
    clock: ManualClock,
    server: Arc<Server>,
    vectors: Arc<Vectors>,
    index: WithVectors,
}

fn rig() -> Rig {
    let clock = ManualClock::default();
    let (ids, policy) = (Arc::new(SequentialIds::default()), LeasePolicy::default());
    let store = Arc::new(InMemoryStore::new(Arc::new(clock.clone()), ids, policy));
    let server = Arc::new(Server { mood: Mutex::new(Mood::Fine), sent: Mutex::default() });
    let patience = Duration::from_secs(2);
    let config = VectorsConfig { model: "test/synonyms".into(), batch: 3, least: 0.45, patience };
    let vectors = Arc::new(Vectors::new(store.clone(), server.clone(), Arc::new(clock.clone()), config));
    let index = WithVectors::new(store.clone(), vectors.clone());
    Rig { store, clock, server, vectors, index }
}

impl Rig {
    async fn tell(&self, texts: &[&str]) {
        let message = |(n, text): (u128, &&str)| Message {
            id: MessageId(uuid::Uuid::from_u128(n)),
            role: Role::User,
            principal: None,
            turn: TurnId(uuid::Uuid::from_u128(1)),
            at: Timestamp(0),
            parts: vec![Part::text(*text)],
        };
        let messages = (1..).zip(texts).map(message).collect();
        let key = SessionKey::new("test", "bot", "chat");
        self.store.import_session(&key, &Principal::owner().id, messages).await.unwrap();
    }

    async fn recall(&self, text: &str) -> (Vec<String>, Vec<String>) {
        let query = MemoryQuery { text: text.into(), limit: 9, ..MemoryQuery::default() };
        let found = self.index.recall(&Scope::All, &query).await.unwrap();
        (found.hits.into_iter().map(|hit| hit.text).collect(), found.told)
    }
}

const TOLD: &str = "only the words themselves were looked for, not what they mean: ";

#[tokio::test]
async fn a_paraphrase_is_found_by_its_meaning_and_both_lists_are_one() {
    let rig = rig();
    rig.tell(&["the doctor has time on Monday", "a visit", "my physician is nice", "rain"]).await;
    while rig.vectors.feed().await.unwrap().left {}
    let (found, told) = rig.recall("physician appointment").await;
    assert_eq!(told, [""; 0]);
    assert_eq!(found, ["my physician is nice", "a visit"]);
}

#[tokio::test]
async fn what_is_new_gets_its_vector_before_a_search() {
    let rig = rig();
    rig.tell(&["a visit", "doctor"]).await;
    assert_eq!(rig.recall("physician").await, (vec!["doctor".to_owned()], vec![]));
    let rig = super::tests::rig();
    rig.tell(&["one", "two", "three", "four"]).await;
    let (_, told) = rig.recall("physician").await;
    assert_eq!(told, ["some of the newest texts are found by their words only so far"]);
}

#[tokio::test]
async fn a_server_that_is_down_or_silent_leaves_the_words_and_is_told() {
    let rig = rig();
    rig.tell(&["my physician is nice", "doctor"]).await;
    *rig.server.mood.lock() = Mood::Down;
    assert!(matches!(rig.vectors.feed().await, Err(VectorsError::Model(_))));
    let words = vec!["my physician is nice".to_owned()];
    assert_eq!(rig.recall("physician").await, (words.clone(), vec![format!("{TOLD}it is on fire")]));
    *rig.server.mood.lock() = Mood::Silent;
    let clock = rig.clock.clone();
    let wait = async {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(2));
    };
    let (found, ()) = tokio::join!(rig.recall("physician"), wait);
    assert_eq!(found, (words, vec![format!("{TOLD}there was no answer within 2 seconds")]));
    *rig.server.mood.lock() = Mood::Fine;
    assert_eq!(rig.recall("physician").await.0, ["my physician is nice", "doctor"]);
}

#[tokio::test]
async fn a_text_that_is_refused_holds_nobody_up_and_is_not_sent_again() {
    let rig = rig();
    *rig.server.mood.lock() = Mood::Refuses("poison");
    rig.tell(&["doctor", "poison", "visit", "appointment"]).await;
    while rig.vectors.feed().await.unwrap().left {}
    assert_eq!(*rig.server.sent.lock(), [3, 1, 1, 1, 1, 1]);
    assert_eq!(rig.vectors.feed().await.unwrap(), IndexProgress::default());
    assert_eq!(rig.recall("physician").await.0, ["doctor"]);
}

#[tokio::test]
async fn a_question_of_signs_asks_nobody() {
    let rig = rig();
    assert_eq!(rig.recall("?! …").await, (vec![], vec![]));
    assert!(rig.server.sent.lock().is_empty());
}
