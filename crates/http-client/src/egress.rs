//! Which addresses and names count as the public internet. Pure: no lookup, no connection, no clock.
//!
//! Everything that is not plainly global unicast is refused. For IPv6 that is all outside `2000::/3`, so that a special
//! range of tomorrow is refused until someone has thought about it; for IPv4 it is the list below.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Why a URL or an address may not be reached.
///
/// The text is one sentence for a person or a model; it names the rule and the host, never path, query or credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefusal {
    /// The text is no absolute URL, or its host is a malformed number.
    #[error("the URL is not valid: {0}")]
    Invalid(String),
    /// A scheme other than `http` and `https`.
    #[error("the scheme `{0}` is not allowed, only http and https are")]
    Scheme(String),
    /// A name that stands for this machine, the local network or a cloud's metadata service.
    #[error("`{0}` names a machine on the local network, and only the public internet may be reached")]
    Name(String),
    /// An address, written in the URL or found by lookup, that is not global unicast.
    #[error("{host} leads to {address} ({range}), and only the public internet may be reached")]
    Address {
        /// The host as the URL has it.
        host: String,
        /// The refused address.
        address: IpAddr,
        /// What the address is, in a few words.
        range: &'static str,
    },
    /// The lookup found no address at all.
    #[error("the name `{0}` has no address")]
    NoAddress(String),
}

impl EgressRefusal {
    /// The stable word for logs, audit rows and tool errors.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "url_invalid",
            Self::Scheme(_) => "scheme_denied",
            Self::Name(_) | Self::Address { .. } | Self::NoAddress(_) => "ssrf_blocked",
        }
    }
}

/// IPv4 ranges that are not global unicast: network, prefix length, what it is.
const REFUSED_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's private network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "reserved for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
    // Azure's platform address answers on every virtual machine there, though it looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's internal service"),
];

/// IPv6 ranges inside `2000::/3` that are refused all the same.
const REFUSED_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "reserved for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "reserved for documentation"),
];

/// IPv6 ranges that carry an IPv4 address in their last 32 bits, which is then judged instead.
const CARRIERS_OF_V4: &[(Ipv6Addr, u32)] =
    &[(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96)];

/// Names of metadata services that resolve only inside a cloud. Those under `.internal` fall to the suffix rule.
const METADATA_NAMES: &[&str] = &["metadata", "metadata.goog", "instance-data"];

/// Suffixes (and the bare words) that never lead to the public internet.
const LOCAL_SUFFIXES: &[&str] = &["localhost", "local", "internal"];

/// What an address is, when it is not global unicast; `None` when it is.
#[must_use]
pub fn refused_range(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => {
            REFUSED_V4.iter().find(|(net, bits, _)| in_v4(v4, *net, *bits)).map(|(_, _, what)| *what)
        }
        IpAddr::V6(v6) => refused_v6(v6),
    }
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    if CARRIERS_OF_V4.iter().any(|(net, bits)| in_v6(address, *net, *bits)) {
        let [.., a, b, c, d] = address.octets();
        return refused_range(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
    }
    if address == Ipv6Addr::LOCALHOST {
        return Some("this machine");
    }
    if !in_v6(address, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) {
        return Some("not a global address");
    }
    REFUSED_V6.iter().find(|(net, bits, _)| in_v6(address, *net, *bits)).map(|(_, _, what)| *what)
}

/// Prefix lengths are 1 to 32 (or 128), so that no shift reaches the width of the number.
fn in_v4(address: Ipv4Addr, network: Ipv4Addr, bits: u32) -> bool {
    (u32::from(address) ^ u32::from(network)) >> (32 - bits) == 0
}

fn in_v6(address: Ipv6Addr, network: Ipv6Addr, bits: u32) -> bool {
    (u128::from(address) ^ u128::from(network)) >> (128 - bits) == 0
}

/// Whether a host name stands for this machine, the local network or a metadata service; case and a final dot do not
/// matter.
#[must_use]
pub fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    METADATA_NAMES.contains(&name.as_str())
        || LOCAL_SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix).is_some_and(|head| head.is_empty() || head.ends_with('.'))
        })
}

/// Parses an absolute URL the way a browser does, once; judge the result, never the text.
///
/// # Errors
/// [`EgressRefusal::Invalid`], without the text itself: it may hold a password.
pub fn parse_url(text: &str) -> Result<Url, EgressRefusal> {
    Url::parse(text).map_err(|error| EgressRefusal::Invalid(error.to_string()))
}

/// Checks only that the scheme is one that a client here speaks.
///
/// # Errors
/// [`EgressRefusal::Scheme`].
pub fn check_scheme(url: &Url) -> Result<(), EgressRefusal> {
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => Err(EgressRefusal::Scheme(other.to_owned())),
    }
}

/// Judges a parsed URL as far as that goes without a lookup: scheme, name, and a host that is written as an address.
///
/// # Errors
/// The rule that refuses it.
pub fn check_url(url: &Url) -> Result<(), EgressRefusal> {
    check_scheme(url)?;
    let host = url.host_str().ok_or_else(|| EgressRefusal::Invalid("it has no host".to_owned()))?;
    match literal(host) {
        Some(address) => check_address(host, address),
        None => check_name(host),
    }
}

/// Judges a host name before it is looked up.
///
/// # Errors
/// [`EgressRefusal::Name`].
pub fn check_name(name: &str) -> Result<(), EgressRefusal> {
    if is_local_name(name) { Err(EgressRefusal::Name(name.to_owned())) } else { Ok(()) }
}

/// Judges all answers of a lookup: one bad address refuses the name, because which of them would be connected to is
/// not ours to say.
///
/// # Errors
/// [`EgressRefusal::Address`] for the first bad one, [`EgressRefusal::NoAddress`] when there is none.
pub fn check_answers(name: &str, answers: &[IpAddr]) -> Result<(), EgressRefusal> {
    if answers.is_empty() {
        return Err(EgressRefusal::NoAddress(name.to_owned()));
    }
    answers.iter().try_for_each(|address| check_address(name, *address))
}

fn check_address(host: &str, address: IpAddr) -> Result<(), EgressRefusal> {
    match refused_range(address) {
        Some(range) => Err(EgressRefusal::Address { host: host.to_owned(), address, range }),
        None => Ok(()),
    }
}

/// The address that a parsed URL's host is; the parser has already turned `0x7f.1` and the like into four numbers.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests;
