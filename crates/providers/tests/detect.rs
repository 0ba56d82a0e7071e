//! The search for a local server.

use std::{net::TcpListener, time::Duration};

use providers::detect::{Found, local_server};
use servers::{ModelServer, Reply};

/// Long enough for a busy machine; the search ends early when all have answered.
const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_first_in_order_that_lists_a_model_is_taken() {
    let empty = ModelServer::with_models(Reply::text(""), &[]);
    let first = ModelServer::with_models(Reply::text(""), &["m-1", "m-2"]);
    let second = ModelServer::with_models(Reply::text(""), &["n-1"]);
    let urls =
        [servers::refused_url(), "not a URL".into(), empty.base_url(), first.base_url(), second.base_url()];
    let candidates: Vec<(&str, &str)> =
        ["nobody", "odd", "empty", "a", "b"].into_iter().zip(urls.iter().map(String::as_str)).collect();
    let found = Found { what: "a".into(), base_url: first.base_url(), model: "m-1".into() };
    assert_eq!(local_server(&candidates, WITHIN).await, Some(found));
    assert_eq!(local_server(&candidates[..3], WITHIN).await, None);
    assert_eq!(local_server(&[], WITHIN).await, None);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", silent.local_addr().unwrap());
    assert_eq!(local_server(&[("silent", &url)], Duration::from_millis(20)).await, None);
}
