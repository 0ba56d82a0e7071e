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
    LlmProvider, ModelError, ModelErrorKind, ModelRequest, ModelStream, ProviderInfo,
    contract::provider::{Played, ProviderHarness, Scenario},
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
    let info = crate::ScriptedProvider::new(Vec::new()).info().clone();
    let busy = Arc::new(Busy(info, AtomicU32::new(0)));
    let ids = Arc::new(SequentialIds::default());
    let wrapped = RetryingProvider::new(busy.clone(), RetryPolicy::default(), Arc::new(Impatient), ids);
    assert_eq!(wrapped.models().await.unwrap(), ["m"]);
    assert_eq!(busy.1.load(Ordering::Relaxed), 2);
}
