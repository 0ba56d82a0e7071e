use std::sync::Arc;

use agent_core::{
    Embedded, Embedder, ModelError, ModelErrorKind as Kind, Retry,
    contract::embedder::{EmbedderHarness, RETRY_AFTER, Scenario, check},
};
use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    KEY,
    server::{Asked, Said, Server},
};

fn embedder(base_url: &str, more: &Value) -> Arc<dyn Embedder> {
    let mut table = json!({ "base_url": base_url });
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    providers::embedder(table, Some(SecretString::from(KEY.to_owned()))).unwrap()
}

/// A vector of each text that only that text has, the last one first.
fn vectors(asked: &Asked) -> Said {
    let texts = asked.body["input"].as_array().unwrap();
    let one = |(index, text): (usize, &Value)| {
        let text = text.as_str().unwrap();
        let sum: u32 = text.bytes().map(u32::from).sum();
        json!({"object": "embedding", "index": index, "embedding": [sum, text.len(), 0.5]})
    };
    let data: Vec<Value> = texts.iter().enumerate().map(one).rev().collect();
    let body = json!({"data": data, "usage": {"prompt_tokens": texts.len() * 2, "total_tokens": 9}});
    Said::ok("application/json", body.to_string())
}

/// Keeps the server alive as long as the embedder.
struct Served(Arc<dyn Embedder>, #[expect(dead_code, reason = "it lives as long as this")] Server);

#[async_trait]
impl Embedder for Served {
    fn model(&self) -> &str {
        self.0.model()
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError> {
        self.0.embed(texts).await
    }
}

struct Vectors;

#[async_trait]
impl EmbedderHarness for Vectors {
    async fn embedder(&self, scenario: Scenario) -> Option<Arc<dyn Embedder>> {
        let server = Server::start(move |asked| match scenario {
            Scenario::Vectors => vectors(asked),
            Scenario::Refused => Said::error(401, "no such key"),
            Scenario::RateLimited => Said::error(429, "slow down").retry_after(RETRY_AFTER.as_secs()),
            Scenario::Unavailable => Said::error(503, "on fire"),
            Scenario::Nonsense => Said::ok("application/json", "{}"),
        });
        Some(Arc::new(Served(embedder(&server.base_url, &json!({"batch": 2})), server)))
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    check(&Vectors).await;
}

#[tokio::test]
async fn many_texts_go_in_batches_and_what_they_used_is_summed_up() {
    let server = Server::start(vectors);
    let more = json!({"batch": 2, "dimensions": 3, "model": "nomic"});
    let texts: Vec<String> = ["a", "bb", "ccc"].map(str::to_owned).into();
    let embedder = embedder(&server.base_url, &more);
    let embedded = embedder.embed(&texts).await.unwrap();
    let lengths: Vec<f32> = embedded.vectors.iter().map(|vector| vector[1]).collect();
    assert_eq!((lengths, embedded.input_tokens, embedder.model()), (vec![1.0, 2.0, 3.0], Some(6), "nomic"));
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].path.as_str()), (2, "/v1/embeddings"));
    let expected =
        json!({"model": "nomic", "input": ["a", "bb"], "encoding_format": "float", "dimensions": 3});
    assert_eq!((&asked[0].body, asked[0].authorization.as_str()), (&expected, &*format!("Bearer {KEY}")));
}

#[tokio::test]
async fn vectors_that_cannot_be_compared_are_refused() {
    let vector = |index: u32, embedding: Value| json!({"index": index, "embedding": embedding});
    for data in [
        json!([vector(0, json!([1.0]))]),
        json!([vector(0, json!([1.0])), vector(0, json!([1.0]))]),
        json!([vector(0, json!([1.0])), vector(7, json!([1.0]))]),
        json!([vector(0, json!([1.0])), vector(1, json!([1.0, 2.0]))]),
        json!([vector(0, json!([1.0])), vector(1, json!([0.0]))]),
        json!([vector(0, json!([1.0])), vector(1, json!([1e300]))]),
        json!([vector(0, json!([1.0])), vector(1, json!(["x"]))]),
        json!("none"),
    ] {
        let body = json!({ "data": data }).to_string();
        let server = Server::start(move |_| Said::ok("application/json", body.clone()));
        let asked = embedder(&server.base_url, &json!({})).embed(&["a".into(), "b".into()]).await;
        let error = asked.unwrap_err();
        assert_eq!((error.kind, error.retry), (Kind::BadReply, Retry::Backoff), "{data}");
        assert!(error.message.contains("no list of vectors"), "{error}");
    }
    let orderly = json!({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}).to_string();
    let server = Server::start(move |_| Said::ok("application/json", orderly.clone()));
    let embedded = embedder(&server.base_url, &json!({})).embed(&["a".into(), "b".into()]).await.unwrap();
    assert_eq!((embedded.vectors, embedded.input_tokens), (vec![vec![1.0], vec![2.0]], None));
}

#[test]
fn a_table_without_sense_names_its_key() {
    for (table, key) in [
        (json!({"base_url": "x"}), "base_url"),
        (json!({"model": ""}), "model"),
        (json!({"batch": 0}), "batch"),
        (json!({"dimensions": 0}), "dimensions"),
        (json!({"timeout_seconds": 0}), "timeout_seconds"),
    ] {
        let error = providers::embedder(table, None).err().unwrap();
        assert_eq!(error.key(), Some(key), "{error}");
    }
}
