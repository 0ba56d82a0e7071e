//! The one place that builds an HTTP client.
//!
//! A [`Policy`] says how a client behaves (time limits, proxy, egress guard); [`build`] makes it a [`Client`].
//! What holds for every client made here:
//!
//! - It never follows a redirect and never repeats a request: whoever asked sees the `3xx` or the error and decides.
//! - It reads no proxy from the environment unless the policy asks for it.
//! - TLS is rustls with ring and the built-in Mozilla roots. The process-wide default provider is neither needed nor
//!   set, and the certificate store of the system is never read, so that building a client costs microseconds.
//! - Its errors hold no credentials and no query strings ([`TransportError`]).
//!
//! ```
//! # fn main() -> Result<(), http_client::HttpError> {
//! let client = http_client::build(&http_client::Policy::default())?;
//! let url = http_client::parse_url("https://api.example.com/v1/models").expect("a valid URL");
//! let request = client.request(http_client::Method::GET, &url).expect("an allowed URL");
//! // let response = client.send(request).await?;
//! # drop(request);
//! # Ok(()) }
//! ```

mod body;
mod classify;
mod client;
pub mod egress;
mod error;
mod policy;
mod redact;
mod resolver;
mod tls;

pub use body::sent_once;
pub use client::{Client, build, build_with_lookup};
pub use egress::{EgressRefusal, check_url, parse_url};
pub use error::{HttpError, TransportError, TransportErrorKind};
pub use policy::{Egress, Policy, Proxy};
pub use redact::{endpoint, redact_url};
pub use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header, multipart};
pub use resolver::{Addresses, Lookup, SystemLookup};
pub use tls::websocket_tls;
