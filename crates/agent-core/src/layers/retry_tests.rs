//! A wrapped provider keeps the port's contract, as the bare one does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, ready};
use session_api::{Clock, SequentialIds, Timestamp};

use super::{RetryPolicy, RetryingProvider};
use crate::{
    LlmProvider, ModelError, ModelErrorKind, ModelRequest, ModelStream, ProviderInfo, ScriptedProvider,
    ScriptedReply,
    contract::provider::{Played, ProviderHarness, Scenario, collect, request},
    fakes::tests::Scripted,
};

/// A clock on which no wait takes any time: how long a retry waits is tested with the driver.
struct Impatient;

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

struct Retrying;

#[async_trait]
impl ProviderHarness for Retrying {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let Played { provider, request, exact, dropped } = Scripted.scenario(scenario).await?;
        let ids = Arc::new(SequentialIds::default());
        let wrapped = RetryingProvider::new(provider, RetryPolicy::default(), Arc::new(Impatient), ids);
        Some(Played { provider: Arc::new(wrapped), request, exact, dropped })
    }
}

crate::provider_contract!(Retrying);

#[tokio::test]
async fn failed_attempts_are_told() {
    let busy = || ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "busy"));
    let inner = Arc::new(ScriptedProvider::new(vec![busy(), ScriptedReply::text("Here I am.")]));
    let ids = Arc::new(SequentialIds::default());
    let wrapped = RetryingProvider::new(inner, RetryPolicy::default(), Arc::new(Impatient), ids);
    let reply = collect(&wrapped, request("hello")).await;
    assert_eq!((reply.text.as_str(), reply.error), ("Here I am.", None));
    let [attempt] = reply.attempts.as_slice() else { panic!("{:?}", reply.attempts) };
    assert_eq!((attempt.kind, attempt.message.as_str()), (ModelErrorKind::Unavailable, "busy"));
    assert_eq!((attempt.provider.as_str(), attempt.next_provider.as_str()), ("scripted", "scripted"));
    assert_eq!(attempt.next_model, "test-model");
    assert!((500..=750).contains(&attempt.wait_millis), "{attempt:?}");
}

/// Lists its models only when asked again.
struct Busy(ProviderInfo, AtomicU32);

#[async_trait]
impl LlmProvider for Busy {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    async fn stream(&self, _request: ModelRequest) -> Result<ModelStream, ModelError> {
        Err(ModelError::new(ModelErrorKind::BadRequest, "it only lists"))
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            0 => Err(ModelError::new(ModelErrorKind::Unavailable, "busy")),
            _ => Ok(vec!["m".into()]),
        }
    }
}

#[tokio::test]
async fn a_list_of_models_is_asked_for_again_too() {
    let info = ScriptedProvider::new(Vec::new()).info().clone();
    let busy = Arc::new(Busy(info, AtomicU32::new(0)));
    let ids = Arc::new(SequentialIds::default());
    let wrapped = RetryingProvider::new(busy.clone(), RetryPolicy::default(), Arc::new(Impatient), ids);
    assert_eq!(wrapped.models().await.unwrap(), ["m"]);
    assert_eq!(busy.1.load(Ordering::Relaxed), 2);
}
