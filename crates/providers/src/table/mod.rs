//! The vendors of models, as data: where they are, what their keys look like, how their servers differ, and what their
//! models can hold and cost.
//!
//! Nothing here is reached over the network and nothing reads the environment. [`resolve()`] turns the name of a model and
//! the keys at hand into a vendor and the model's name there. Adding a vendor is one entry in `vendors.rs`, and a list of
//! its models in `models.rs` where their prices are to be known.

mod habits;
mod keys;
mod models;
mod nearest;
mod resolve;
mod vendors;

pub use habits::{Habits, habits};
pub use keys::{Keys, vendor_of_key};
pub use models::{Model, Price, find, thinks_by_budget};
pub(crate) use nearest::nearest_of;
pub use nearest::{near_host, nearest};
pub use resolve::{ResolveError, Resolved, of, resolve};
pub use vendors::VENDORS;

use crate::openai::Quirks;

/// A vendor of models, or a program that serves them.
#[derive(Debug)]
pub struct Vendor {
    /// What it is called in front of a model's name, before a slash.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Other words that mean it in front of a slash.
    pub aliases: &'static [&'static str],
    /// What stands before the slash where a gateway lists its models, such as `x-ai`; empty where none does.
    pub slug: &'static str,
    /// The variables of the environment that hold its key; the first one is named in texts.
    pub env: &'static [&'static str],
    /// With what its keys begin; empty where they have no shape of their own.
    pub key_prefixes: &'static [&'static str],
    /// Its usual address; empty where everybody has another one.
    pub base_url: &'static str,
    /// The hosts of its servers; `*.x` stands for all below x.
    pub hosts: &'static [&'static str],
    /// The kind of provider that speaks to it.
    pub kind: &'static str,
    /// Whether it works without a key.
    pub keyless: bool,
    /// Whether it costs nothing, since it runs on one's own machine.
    pub free: bool,
    /// Whether it serves models of other vendors, so that a name it does not know may still be one.
    pub gateway: bool,
    /// How its server understands chat completions.
    pub quirks: Quirks,
    /// What is known of its own models, in any order.
    pub models: &'static [Model],
}

/// The vendor of this name; dashes, underscores and upper case make no difference.
#[must_use]
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    let called = |same: fn(&str, &str) -> bool| {
        let names = |vendor: &Vendor| {
            std::iter::once(&vendor.name).chain(vendor.aliases).any(|known| same(known, name))
        };
        VENDORS.iter().find(|vendor| names(vendor))
    };
    // Nearly always it is written as it is.
    called(|known, name| known.eq_ignore_ascii_case(name)).or_else(|| called(same_name))
}

fn same_name(a: &str, b: &str) -> bool {
    fn plain(text: &str) -> impl Iterator<Item = u8> + '_ {
        text.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
    }
    plain(a).eq(plain(b))
}

/// Whether a server is one's own: nobody's that is known, or one of a program that anybody may run.
#[must_use]
pub fn is_own(vendor: Option<&Vendor>) -> bool {
    vendor.is_none_or(|vendor| vendor.keyless)
}

/// The vendor whose server is at this base URL, by the host's name. Servers on one's own machine are nobody's.
#[must_use]
pub fn at(base_url: &str) -> Option<&'static Vendor> {
    let url = http_client::parse_url(base_url.trim()).ok()?;
    let host = url.host_str()?;
    VENDORS.iter().find(|vendor| vendor.hosts.iter().any(|known| covers(known, host)))
}

/// Whether `host` is the known one; `*.x` stands for all below x.
fn covers(known: &str, host: &str) -> bool {
    match known.strip_prefix('*') {
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => known == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hosts_lead_to_one_vendor() {
        for (index, vendor) in VENDORS.iter().enumerate() {
            for name in std::iter::once(&vendor.name).chain(vendor.aliases) {
                assert_eq!(super::vendor(name).map(|found| found.name), Some(vendor.name), "{name}");
            }
            assert!(crate::kinds().iter().any(|kind| kind.name == vendor.kind), "{}", vendor.name);
            assert!(vendor.keyless || !vendor.env.is_empty(), "{}", vendor.name);
            if !vendor.base_url.is_empty() && !vendor.hosts.is_empty() {
                assert_eq!(at(vendor.base_url).map(|found| found.name), Some(vendor.name));
            }
            for variable in vendor.env {
                assert!(VENDORS[..index].iter().all(|other| !other.env.contains(variable)), "{variable}");
            }
        }
        assert_eq!(vendor("Open_Router").map(|vendor| vendor.name), Some("openrouter"));
        assert_eq!(vendor("z-ai").map(|vendor| vendor.name), Some("zhipu"));
        assert!(vendor("nobody").is_none() && vendor("").is_none());
        for (url, name) in [
            ("https://mine.openai.azure.com/openai/v1?api-version=preview", Some("azure")),
            ("https://openai.azure.com", None),
            ("https://api.openai.com/v1/", Some("openai")),
            ("http://127.0.0.1:11434/v1", None),
            ("no URL", None),
        ] {
            assert_eq!(at(url).map(|vendor| vendor.name), name, "{url}");
        }
    }
}
