//! A wrapped provider keeps the port's contract, as the bare one does.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, ready};
use session_api::{Clock, SequentialIds, Timestamp};

use super::{RetryPolicy, RetryingProvider};
use crate::{
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
