//! The shared corpus of broken configurations. Skipped visibly where the corpus is not at hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

use std::{fs, path::Path};

use factotum::{
    Environment,
    config::{LoadInput, load},
};
use serde_json::Value;

const CANARY: &str = "sk-train-1234567890abcdef1234567890abcdef";
/// Real keys in the place of the corpus's placeholders.
const KEYS: [(&str, &str); 5] = [
    ("{INT_KEY}", "agent.approval_minutes"),
    ("{ENUM_KEY}", "storage.durability"),
    ("{SECRET_KEY}", "http.token"),
    ("{BIND_KEY}", "http.bind"),
    ("{DURATION_KEY}", "agent.limits.seconds"),
];

/// The corpus of that name, looked for in a folder `shared` beside the repository.
fn corpus(name: &str) -> Option<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts =
        here.ancestors().map(|folder| fs::read_to_string(folder.join("shared/corpora/security").join(name)));
    let Some(text) = texts.flatten().next() else {
        println!("skipped: there is no shared/corpora/security/{name}");
        return None;
    };
    Some(serde_json::from_str(&text).expect("the corpus is JSON"))
}

fn bytes(input: &Value) -> Vec<u8> {
    if let Some(text) = input["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(digits) = input["bytes_hex"].as_str() {
        return hex::decode(digits).unwrap();
    }
    let part = |name: &str| input["gen"][name].as_str().unwrap().to_owned();
    if input["gen"].is_object() {
        let count = usize::try_from(input["gen"]["count"].as_u64().unwrap()).unwrap();
        return (part("prefix") + &part("unit").repeat(count) + &part("suffix")).into_bytes();
    }
    assert_eq!(input["base"], "minimal", "the corpus has an input that this test does not know: {input}");
    // The smallest valid configuration is an empty one. A secret stands in it, so that a leak would show.
    let mut text = format!("providers.main = {{ kind = \"openai\", api_key = \"{CANARY}\" }}\n");
    text.push_str(input["append"].as_str().unwrap());
    KEYS.iter().fold(text, |text, (placeholder, key)| text.replace(placeholder, key)).into_bytes()
}

#[test]
fn every_entry_of_the_corpus_holds() {
    let Some(corpus) = corpus("malformed_config.json") else { return };
    let environment = Environment::default();
    for entry in corpus["entries"].as_array().unwrap() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        fs::write(&file, bytes(&entry["input"])).unwrap();
        let found = load(&LoadInput::new(home.path().to_owned(), None, &environment));
        let what = format!("{}: {}", entry["id"], entry["why"]);
        match entry["expect"]["verdict"].as_str() {
            Some("accept") => assert!(found.is_ok(), "{what}"),
            Some("either") => {}
            _ => assert!(found.is_err(), "{what}"),
        }
        let Err(error) = found else { continue };
        let text = error.to_string();
        assert!(text.contains(file.to_str().unwrap()), "{what}: {text}");
        let placed = |problem: &factotum::config::Problem| {
            let after_file = problem.to_string().split_once("config.toml:").map(|(_, rest)| rest.to_owned());
            let lined = after_file.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
            lined || !problem.key.0.is_empty()
        };
        assert!(error.problems.iter().all(placed), "{what}: {text}");
        assert!(!text.contains("1234567890ab") && text.len() < 2_000, "{what}: {text}");
    }
}
