//! Is there a model server on this machine?

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesOrdered};
use http_client::{Client, Method, Policy, parse_url};

use crate::exchange::{below, read};

/// How long the whole search takes at most.
pub const WITHIN: Duration = Duration::from_millis(150);

/// Most bytes of a list of models.
const LARGEST_LIST: usize = 256 * 1024;

/// Where the usual servers listen unless told otherwise: what it is, and its base URL.
pub const USUAL: [(&str, &str); 3] = [
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
    ("vLLM", "http://127.0.0.1:8000/v1"),
];

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it should be, as given.
    pub what: String,
    /// Its base URL, as given.
    pub base_url: String,
    /// The first model it lists.
    pub model: String,
}

/// Asks all candidates for their models at once and returns the first, in the order given, that lists one within
/// `within`. Never fails: what does not answer in time is not there.
pub async fn local_server(candidates: &[(&str, &str)], within: Duration) -> Option<Found> {
    let policy = Policy { connect_timeout: within, idle_timeout: None, ..Policy::default() };
    let client = http_client::build(&policy).ok()?;
    let mut answers: FuturesOrdered<_> = candidates
        .iter()
        .map(|(what, base_url)| {
            let asked = tokio::time::timeout(within, first_model(&client, base_url));
            async move {
                let model = asked.await.ok()??;
                Some(Found { what: (*what).to_owned(), base_url: (*base_url).to_owned(), model })
            }
        })
        .collect();
    while let Some(answer) = answers.next().await {
        if answer.is_some() {
            return answer;
        }
    }
    None
}

async fn first_model(client: &Client, base_url: &str) -> Option<String> {
    let url = below(&parse_url(base_url).ok()?, &["models"]);
    let mut response = client.send(client.request(Method::GET, &url).ok()?).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.ok()? {
        if body.len() + bytes.len() > LARGEST_LIST {
            return None;
        }
        body.extend_from_slice(&bytes);
    }
    read::models(&body)?.into_iter().next()
}
