//! Vectors of what is said.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use agent_core::{
    Embedded, Embedder, ModelError, ModelErrorKind, ScriptedReply, Vectors, VectorsConfig, WordEmbedder,
    gateway::{ChannelPolicy, GatewayConfig},
};
use async_trait::async_trait;
use session_api::{MemoryQuery, Scope};

use crate::support::{Platform, TestApp, core, script};

use super::{arrival, shows, start_with};

/// An embedder that can be switched off, and how often it was asked.
#[derive(Default)]
struct Server {
    down: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl Embedder for Server {
    fn model(&self) -> &str {
        "words"
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Err(ModelError::new(ModelErrorKind::Unavailable, "it is on fire"));
        }
        WordEmbedder.embed(texts).await
    }
}

/// Lets time pass, and everything happen that happens meanwhile.
async fn pass(app: &TestApp, time: Duration) {
    let step = Duration::from_secs(20);
    for _ in 0..time.as_secs() / step.as_secs() {
        app.clock.advance(step);
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_for_a_day_delays_the_vectors_and_nothing_else() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("green tea")]), vec![]));
    let (platform, server) = (Platform::sound(), Arc::new(Server::default()));
    server.down.store(true, Ordering::SeqCst);
    let (model, patience) = ("test/words".to_owned(), Duration::from_secs(1));
    let vectors = VectorsConfig { model, batch: 8, least: 0.5, patience };
    let index = app.stores.vectors.clone();
    let vectors = Arc::new(Vectors::new(index.clone(), server.clone(), Arc::new(app.clock.clone()), vectors));
    let config = GatewayConfig { vectors: Some(vectors), ..GatewayConfig::default() };
    let running = start_with(&app, &platform, config, ChannelPolicy::default());
    platform.inner.put(arrival("1", "ann", "ann", "tea?"));
    let near = async || {
        let question = WordEmbedder.embed(&["green tea".to_owned()]).await.unwrap();
        let query = MemoryQuery { limit: 9, ..MemoryQuery::default() };
        index.nearest(&Scope::All, &query, &question.vectors[0], 0.5).await.unwrap()
    };
    shows(&app, &platform, "ann", &["green tea"]).await;
    pass(&app, Duration::from_secs(24 * 3600)).await;
    assert!(near().await.behind);
    let asked = server.asked.load(Ordering::SeqCst);
    assert!((100..1_000).contains(&asked), "{asked} times in a day");
    server.down.store(false, Ordering::SeqCst);
    pass(&app, Duration::from_secs(600)).await;
    let found = near().await;
    assert!(!found.behind);
    assert_eq!(found.hits.first().map(|hit| hit.text.as_str()), Some("green tea"));
    running.stop.cancel();
    app.in_time(running.task).await.unwrap();
}
