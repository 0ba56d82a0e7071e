//! HTTP clients that several providers share, so that connections are reused also where providers are made anew.

use std::sync::Arc;

use http_client::{Client, HttpError, Policy};
use parking_lot::Mutex;

/// One client for each way to behave. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Mutex<Vec<(Policy, Client)>>>);

impl Clients {
    /// The client of this policy, made at the first use. There are as many as configurations differ in proxy and time
    /// limits: one, mostly.
    pub(crate) fn of(&self, policy: &Policy) -> Result<Client, HttpError> {
        let mut clients = self.0.lock();
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == policy) {
            return Ok(client.clone());
        }
        let client = http_client::build(policy)?;
        clients.push((policy.clone(), client.clone()));
        Ok(client)
    }
}
