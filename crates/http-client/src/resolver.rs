//! Name lookup for guarded clients: resolve once, judge every answer, hand on only what was judged.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::{check_answers, check_name};

/// The future answer of a [`Lookup`].
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Turns a host name into addresses. A test gives its own answers; everything else uses [`SystemLookup`].
pub trait Lookup: Send + Sync {
    /// All addresses of `name`, in the order of preference.
    ///
    /// # Errors
    /// When the name cannot be resolved. An empty list means the same.
    fn lookup(&self, name: String) -> Addresses;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> Addresses {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The egress guard in the only place where name and addresses meet: reqwest connects to what this returns and asks
/// no one else. A host that is written as an address never comes here; the client checks those itself.
pub(crate) struct PublicOnly(pub(crate) Arc<dyn Lookup>);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.0);
        let name = name.as_str().to_owned();
        Box::pin(async move {
            check_name(&name)?;
            let answers = lookup.lookup(name.clone()).await?;
            check_answers(&name, &answers)?;
            // Port 0 stands for "the port of the URL".
            let addresses: Addrs = Box::new(answers.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// A given [`Lookup`] without the guard, so that a test can name its servers.
pub(crate) struct Unguarded(pub(crate) Arc<dyn Lookup>);

impl Resolve for Unguarded {
    fn resolve(&self, name: Name) -> Resolving {
        let answers = self.0.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let addresses: Addrs = Box::new(answers.await?.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
