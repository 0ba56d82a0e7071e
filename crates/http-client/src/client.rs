//! Building a client, and the two steps of using it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url, header::HeaderValue};

use crate::classify;
use crate::egress::{check_scheme, check_url};
use crate::error::{HttpError, TransportError};
use crate::policy::{Egress, Policy, Proxy};
use crate::redact::endpoint;
use crate::resolver::{Lookup, PublicOnly, SystemLookup, Unguarded};
use crate::tls;

/// Idle connections are given up after this time, before most servers and NAT tables forget them (they do after 60 s or more).
const POOL_IDLE: Duration = Duration::from_secs(50);

/// How often a silent connection is probed, so that a half-open one is noticed while an answer is awaited.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// An HTTP client under a [`Policy`]. Cloning shares the connection pool.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    egress: Egress,
    /// `host:port` of an explicit proxy, for error texts.
    proxy: Option<String>,
}

/// Builds a client. Touches neither the network nor the file system.
///
/// # Errors
/// [`HttpError`] when the policy contradicts itself or holds a value that HTTP does not allow.
pub fn build(policy: &Policy) -> Result<Client, HttpError> {
    match policy.egress {
        Egress::Any => assemble(policy, None),
        Egress::PublicOnly => build_with_lookup(policy, Arc::new(SystemLookup)),
    }
}

/// Like [`build`], with another source of addresses; the guard of the policy judges its answers all the same.
///
/// # Errors
/// As [`build`].
pub fn build_with_lookup(policy: &Policy, lookup: Arc<dyn Lookup>) -> Result<Client, HttpError> {
    assemble(policy, Some(lookup))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that makes a client")]
fn assemble(policy: &Policy, lookup: Option<Arc<dyn Lookup>>) -> Result<Client, HttpError> {
    if policy.egress == Egress::PublicOnly && policy.proxy != Proxy::None {
        return Err(HttpError::GuardedProxy);
    }
    let agent = HeaderValue::from_str(&policy.user_agent).map_err(|_| HttpError::UserAgent)?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config()?)
        .user_agent(agent)
        .connect_timeout(policy.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_keepalive(KEEPALIVE)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    if let Some(limit) = policy.total_timeout {
        builder = builder.timeout(limit);
    }
    if let Some(limit) = policy.idle_timeout {
        builder = builder.read_timeout(limit);
    }
    let mut through = None;
    builder = match &policy.proxy {
        Proxy::None => builder.no_proxy(),
        Proxy::System => builder,
        Proxy::Explicit(text) => {
            let (proxy, endpoint) = explicit_proxy(text)?;
            through = Some(endpoint);
            builder.no_proxy().proxy(proxy)
        }
    };
    builder = match (policy.egress, lookup) {
        (Egress::PublicOnly, lookup) => {
            builder.dns_resolver(PublicOnly(lookup.unwrap_or_else(|| Arc::new(SystemLookup))))
        }
        (Egress::Any, Some(lookup)) => builder.dns_resolver(Unguarded(lookup)),
        (Egress::Any, None) => builder,
    };
    let inner = builder.build().map_err(|error| HttpError::Build(classify::innermost(&error)))?;
    Ok(Client { inner, egress: policy.egress, proxy: through })
}

/// The proxy and its `host:port`.
fn explicit_proxy(text: &str) -> Result<(reqwest::Proxy, String), HttpError> {
    let url = Url::parse(text).map_err(|_| HttpError::Proxy("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::Proxy("only http:// and https:// proxies are supported"));
    }
    let proxy = reqwest::Proxy::all(url.clone()).map_err(|_| HttpError::Proxy("it has no usable host"))?;
    Ok((proxy, endpoint(&url)))
}

impl Client {
    /// Begins a request. Finish it with [`Client::send`].
    ///
    /// # Errors
    /// Kind `Egress` when the scheme is not HTTP, or the guard of the policy refuses the URL as it stands.
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, TransportError> {
        self.permit(url)?;
        Ok(self.inner.request(method, url.clone()))
    }

    /// Sends a request and waits for the head of the answer; any status is a success here.
    ///
    /// The URL is judged again, since a built request may have been given another one.
    ///
    /// # Errors
    /// [`TransportError`], which holds neither credentials nor query.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, TransportError> {
        let request = request.build().map_err(|error| self.explain(error))?;
        self.permit(request.url())?;
        self.inner.execute(request).await.map_err(|error| self.explain(error))
    }

    /// Puts an error of the HTTP library into words, also one that comes later, from reading the answer's body.
    #[must_use]
    pub fn explain(&self, error: reqwest::Error) -> TransportError {
        classify::explain(error, self.proxy.as_deref())
    }

    /// An address in the URL never reaches the resolver, so the resolver's guard alone would let it pass.
    fn permit(&self, url: &Url) -> Result<(), TransportError> {
        match self.egress {
            Egress::Any => check_scheme(url)?,
            Egress::PublicOnly => check_url(url)?,
        }
        Ok(())
    }
}
