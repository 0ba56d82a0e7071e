use super::{EgressRefusal, REFUSED_V4, check_answers, check_url, is_local_name, parse_url, refused_range};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The class with which a URL is refused without any lookup, `ok` when it is not.
fn class_of(text: &str) -> &'static str {
    match parse_url(text).and_then(|url| check_url(&url)) {
        Ok(()) => "ok",
        Err(refusal) => refusal.class(),
    }
}

#[test]
fn the_edges_of_every_ipv4_range_are_exact() {
    for (network, bits, _) in REFUSED_V4 {
        let first = u32::from(*network);
        let last = first + u32::try_from((1_u64 << (32 - bits)) - 1).unwrap();
        for inside in [first, last] {
            assert!(refused_range(Ipv4Addr::from(inside).into()).is_some(), "{}", Ipv4Addr::from(inside));
        }
    }
    for outside in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
    ] {
        assert_eq!(refused_range(outside.parse().unwrap()), None, "{outside}");
    }
}

#[test]
fn ipv6_is_judged_by_range_and_by_what_it_carries() {
    for refused in [
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "1fff:ffff::1",
        "2001::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(refused_range(refused.parse().unwrap()).is_some(), "{refused}");
    }
    for open in [
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "3ffe:ffff::1",
        "3fff:1000::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ] {
        assert_eq!(refused_range(open.parse().unwrap()), None, "{open}");
    }
}

#[test]
fn local_names_are_known_in_any_spelling() {
    for name in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "printer.local",
        "printer.local..",
        "local",
        "metadata.google.internal",
        "metadata",
        "metadata.goog.",
        "instance-data",
        "x.INTERNAL.",
    ] {
        assert!(is_local_name(name), "{name}");
    }
    for name in [
        "localhost.example.test",
        "mylocalhost",
        "local.example",
        "internal.example",
        "notlocal",
        "metadata.example",
    ] {
        assert!(!is_local_name(name), "{name}");
    }
}

#[test]
fn every_spelling_of_an_address_is_judged_by_what_it_means() {
    for (url, class) in [
        ("http://0x7f000001/", "ssrf_blocked"),
        ("http://017700000001/", "ssrf_blocked"),
        ("http://127.1/", "ssrf_blocked"),
        ("http://127.0.0.1./", "ssrf_blocked"),
        ("http://%31%32%37.0.0.1/", "ssrf_blocked"),
        ("http://１２７.0.0.1/", "ssrf_blocked"),
        ("http:\\\\127.0.0.1\\", "ssrf_blocked"),
        ("http://user:pass@[::1]:80/", "ssrf_blocked"),
        ("https://8.8.8.8/dns-query", "ok"),
        ("https://example.com./", "ok"),
        ("file:///etc/passwd", "scheme_denied"),
        ("gopher://127.0.0.1:6379/_INFO", "scheme_denied"),
        ("//example.com/", "url_invalid"),
        ("http://", "url_invalid"),
        ("http://1.2.3.4.5/", "url_invalid"),
        ("", "url_invalid"),
    ] {
        assert_eq!(class_of(url), class, "{url}");
    }
}

#[test]
fn one_bad_answer_refuses_the_whole_name() {
    let good: IpAddr = "93.184.215.14".parse().unwrap();
    let bad: IpAddr = "192.168.1.1".parse().unwrap();
    assert_eq!(check_answers("a.test", &[good]), Ok(()));
    assert!(
        matches!(check_answers("a.test", &[good, bad]), Err(EgressRefusal::Address { address, .. }) if address == bad)
    );
    assert!(matches!(check_answers("a.test", &[]), Err(EgressRefusal::NoAddress(_))));
}

#[test]
fn a_refusal_never_repeats_credentials_or_query() {
    for url in [
        "http://bob:hunter2@127.0.0.1/?key=hunter2",
        "http://bob:hunter2@localhost/hunter2",
        "ftp://bob:hunter2@a/",
    ] {
        let refusal = check_url(&parse_url(url).unwrap()).unwrap_err();
        assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
    }
    let refusal = parse_url("http://bob:hunter2@256.1.1.1/").unwrap_err();
    assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
}

/// What the guard makes of one entry of the corpus: the URL itself, then the answers of its resolver, then where a
/// redirect leads.
fn verdict(input: &Value) -> &'static str {
    let Some(url) = input["url"].as_str() else { return "no url" };
    let direct = class_of(url);
    if direct != "ok" {
        return direct;
    }
    for (name, answers) in input["dns"].as_object().into_iter().flatten() {
        let answers: Vec<IpAddr> =
            answers.as_array().into_iter().flatten().filter_map(|a| a.as_str()?.parse().ok()).collect();
        if let Err(refusal) = check_answers(name, &answers) {
            return refusal.class();
        }
    }
    match input["http"][url]["location"].as_str().map(class_of) {
        None | Some("ok") => "ok",
        Some(_) => "redirect_blocked",
    }
}

#[test]
fn the_shared_corpus_is_judged_as_it_expects() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/security/ssrf.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: {path} is not here");
        return;
    };
    let corpus: Value = serde_json::from_str(&text).unwrap();
    let entries = corpus["entries"].as_array().unwrap();
    let mut wrong = Vec::new();
    for entry in entries {
        let got = verdict(&entry["input"]);
        if entry["expect"]["class"] != got {
            wrong.push(format!("{} ({}): {got}", entry["id"], entry["why"]));
        }
    }
    assert!(!entries.is_empty());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

proptest! {
    #[test]
    fn a_mapped_or_translated_address_is_judged_like_the_one_it_carries(bits: u32) {
        let inner = Ipv4Addr::from(bits);
        let expected = refused_range(inner.into());
        prop_assert_eq!(refused_range(inner.to_ipv6_mapped().into()), expected);
        let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
        prop_assert_eq!(refused_range(nat64.into()), expected);
    }

    #[test]
    fn a_number_in_any_notation_is_judged_like_the_address(bits: u32) {
        let expected = refused_range(Ipv4Addr::from(bits).into()).is_some();
        for text in [format!("http://{bits}/"), format!("http://0x{bits:x}/"), format!("http://0{bits:o}/")] {
            prop_assert_eq!(class_of(&text) == "ssrf_blocked", expected, "{}", text);
        }
    }

    #[test]
    fn what_the_standard_library_calls_private_is_refused(bits in any::<u128>()) {
        let v6 = Ipv6Addr::from(bits);
        if v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local() {
            prop_assert!(refused_range(v6.into()).is_some());
        }
    }
}
