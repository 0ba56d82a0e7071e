mod channels;

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::{Environment, channel_kinds};

const CANARY: &str = "sk-train-1234567890abcdef1234567890abcdef";

struct Place(tempfile::TempDir);

impl Place {
    fn new(text: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.file(), text).unwrap();
        place
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("config.toml")
    }

    fn load(&self, variables: &[(&str, &str)], flags: Value) -> Result<Loaded, ConfigError> {
        let environment = environment(variables);
        load(&LoadInput::new(self.0.path().to_owned(), None, &environment).flags(flags))
    }

    /// The problems, each as `line: key: message; hint`, with the path of the file cut off.
    fn problems(&self, variables: &[(&str, &str)], flags: Value) -> Vec<String> {
        let error = self.load(variables, flags).unwrap_err();
        let file = format!("{}:", self.file().display());
        error.problems.iter().map(|problem| problem.to_string().replace(&file, "")).collect()
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn refused(text: &str) -> Vec<String> {
    Place::new(text).problems(&[], Value::Null)
}

#[test]
fn without_a_file_the_defaults_hold() {
    let home = tempfile::tempdir().unwrap();
    let environment = Environment::default();
    let loaded = load(&LoadInput::new(home.path().to_owned(), None, &environment)).unwrap();
    assert!(!loaded.exists && loaded.warnings.is_empty());
    assert_eq!(
        serde_json::to_value(&loaded.config).unwrap(),
        serde_json::to_value(Config::default()).unwrap()
    );
    assert_eq!(loaded.config.workspace(home.path()), home.path().join("workspace"));
    assert_eq!(loaded.config.origin("agent.approval_minutes"), Origin::Default);
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let place = Place::new(
        "[agent]\nmodel = \"m/file\"\napproval_minutes = 1\nask = [\"exec\"]\n[log]\nlevel = \"info\"\n",
    );
    let variables = [
        ("FACTOTUM_AGENT__MODEL", "m/env"),
        ("FACTOTUM_AGENT__APPROVAL_MINUTES", "2"),
        ("FACTOTUM_AGENT__ASK", "exec, write_file"),
        ("FACTOTUM_AGENT__LIMITS__TOOL_CALLS", "7"),
        ("FACTOTUM_TOOLS__EXEC__ENABLED", "true"),
        ("FACTOTUM_TOOLS__EXEC__SANDBOX", "none"),
        ("FACTOTUM_STORAGE__DURABILITY", "process"),
        ("FACTOTUM_PROVIDERS__MAIN__KIND", "openai"),
        ("FACTOTUM_PROVIDERS__MAIN__API_KEY", "0012345678"),
        ("FACTOTUM_LOG__LEVEL", ""),
        ("FACTOTUM_HOME", "/x"),
        ("FACTOTUM_LOG", "debug"),
        ("HOME", "/home/me"),
    ];
    let loaded = place.load(&variables, json!({"agent": {"model": "m/flag"}})).unwrap();
    let config = &loaded.config;
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(config.agent.model.as_deref(), Some("m/flag"));
    assert_eq!(config.agent.approval_minutes, 2);
    assert_eq!(config.agent.ask, ["exec", "write_file"]);
    assert_eq!(config.agent.limits.tool_calls, 7);
    assert!(config.tools.exec.enabled);
    assert_eq!(config.storage.durability, Durability::Process);
    assert_eq!(config.log.level, "info");
    let key = config.providers["main"].api_key.as_ref().unwrap();
    assert_eq!(key.literal().unwrap().expose_secret(), "0012345678");

    let shorts = [
        ("agent.model", "flag"),
        ("agent.approval_minutes", "env FACTOTUM_AGENT__APPROVAL_MINUTES"),
        ("agent.ask", "env FACTOTUM_AGENT__ASK"),
        ("log.level", "file, line 6"),
        ("log.format", "default"),
    ];
    for (key, short) in shorts {
        assert_eq!(config.origin(key).short(), short, "{key}");
    }
}

#[test]
fn everything_wrong_is_reported_at_once_with_line_key_and_the_nearest_right_one() {
    let text = "agnet = 1\n\
        workspace = \"x\"\n\
        [agent]\n\
        modle = \"m/x\"\n\
        approval_minutes = \"ten\"\n\
        ask = [\"exec\", 5]\n\
        [agent.limits]\n\
        model_calls = 0\n\
        [storage]\n\
        durability = \"powr\"\n\
        [providers.main]\n\
        kind = \"openia\"\n\
        [providers.second]\n\
        kind = \"openai\"\n\
        base_ulr = \"https://x\"\n\
        idle_timeout_seconds = \"soon\"\n\
        [providers.third]\n\
        base_url = \"https://x\"\n\
        [channels.matrix]\n\
        enabled = true\n\
        [log]\n\
        level = \"loud\"\n\
        [tools.exec]\n\
        enbaled = true\n\
        [http]\n\
        bind = \"not an address\"\n";
    let expected = [
        "1: agnet: unknown section; did you mean `agent`?",
        "2: workspace: unknown section; did you mean `agent.workspace`?",
        "4: agent.modle: unknown key; did you mean `agent.model`?",
        "5: agent.approval_minutes: expected a whole number, found the text \"ten\"",
        "6: agent.ask[1]: expected a text, found 5",
        "8: agent.limits.model_calls: must be between 1 and 10000, found 0",
        "10: storage.durability: expected one of \"power\", \"process\", found the text \"powr\"; did you mean \"power\"?",
        "12: providers.main.kind: there is no kind \"openia\" in this build; did you mean \"openai\"?",
        "15: providers.second.base_ulr: unknown key; did you mean `base_url`?",
        "16: providers.second.idle_timeout_seconds: invalid type: string \"soon\", expected u64",
        "17: providers.third.kind: is missing",
        "20: channels.matrix.enabled: there is no channel `matrix`; there are KINDS",
        "22: log.level: \"loud\" is no level; write off, error, warn, info, debug or trace, or part=level pairs between commas",
        "24: tools.exec.enbaled: unknown key; did you mean `tools.exec.enabled`?",
        "26: http.bind: is not an address with a port; write it as in \"127.0.0.1:8700\"",
    ];
    let kinds: Vec<&str> = channel_kinds::all().map(|kind| kind.name).chain(["websocket"]).collect();
    let expected = expected.map(|line| line.replace("KINDS", &kinds.join(", ")));
    let found = refused(text);
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn problems_from_elsewhere_name_the_variable_or_the_command_line() {
    let place = Place::new("");
    let variables = [
        ("FACTOTUM_AGENT__MODLE", "x"),
        ("FACTOTUM_AGENT__APPROVAL_MINUTES", "soon"),
        ("FACTOTUM_PROVIDERS__MAIN__API_KEY", "env:"),
        ("FACTOTUM_PROVIDERS__MAIN__KIND", "openai"),
    ];
    let found = place.problems(&variables, json!({"agent": {"model": 5}}));
    let expected = [
        "environment variable FACTOTUM_AGENT__APPROVAL_MINUTES: agent.approval_minutes: expected a whole number, found the text \"soon\"",
        "environment variable FACTOTUM_AGENT__MODLE: agent.modle: unknown key; did you mean `agent.model`?",
        "environment variable FACTOTUM_PROVIDERS__MAIN__API_KEY: providers.main.api_key: `env:` must be followed by the name of a variable (letters, digits and _)",
        "command line: agent.model: expected a text, found 5",
    ];
    assert_eq!(found, expected, "{found:#?}");
}

#[test]
fn a_variable_that_names_no_key_is_a_warning() {
    let loaded =
        Place::new("").load(&[("FACTOTUM_HTTP_TOKEN", CANARY), ("FACTOTUM_BIN", "x")], Value::Null).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    let text = loaded.warnings[0].to_string();
    assert!(
        text.contains("FACTOTUM_HTTP_TOKEN") && text.contains("two underscores") && !text.contains("sk-"),
        "{text}"
    );
}

#[test]
fn what_is_no_file_of_text_gets_one_clear_sentence() {
    use std::os::unix::fs::symlink;
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("binary"), b"[agent]\nmodel = \"\x80\"\n").unwrap();
    std::fs::write(at("long"), "#".repeat((1 << 20) + 1)).unwrap();
    symlink("/dev/zero", at("device")).unwrap();
    let table = [
        ("folder", "folder: this is a directory"),
        ("binary", "binary:2: the file is not UTF-8"),
        ("long", "long: the file is longer than 1 MB"),
        ("device", "device: this is not a regular file"),
        ("missing", "missing: there is no such file"),
    ];
    for (name, expected) in table {
        let by_variable = environment(&[("FACTOTUM_CONFIG", at(name).to_str().unwrap())]);
        let none = Environment::default();
        for input in [
            LoadInput::new(home.path().to_owned(), Some(at(name)), &none),
            LoadInput::new(home.path().to_owned(), None, &by_variable),
        ] {
            let text = load(&input).unwrap_err().to_string();
            assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
        }
    }
    std::fs::create_dir(at("config.toml")).unwrap();
    let text =
        load(&LoadInput::new(home.path().to_owned(), None, &Environment::default())).unwrap_err().to_string();
    assert!(text.contains("this is a directory"), "{text}");
}

#[test]
fn a_file_full_of_strange_keys_is_reported_up_to_a_bound() {
    let text: String = (0..5_000).map(|n| format!("[strange-{n}]\nkey = 1\n")).collect();
    let error = Place::new(&text).load(&[], Value::Null).unwrap_err();
    assert_eq!(error.problems.len(), 101);
    assert_eq!(error.problems[100].to_string(), "configuration: and 4900 more problems");
}

#[test]
fn no_message_holds_a_secret() {
    let texts = [
        format!("[providers.main]\nkind = \"openai\"\napi_key = \"{CANARY}\nx = 1\n"),
        format!("[providers.main]\nkind = \"openai\"\napi_key = [\"{CANARY}\"]\n"),
        format!("[providers.main]\nkind = \"{CANARY}\"\n"),
        format!("[providers.main]\nkind = \"openai\"\ntoken = \"{CANARY}\"\n"),
        format!("[providers.main]\nkind = \"openai\"\nheaders = {{ x-api-key = \"{CANARY}\\n\" }}\n"),
        format!("[agent]\nmodel = 5\napi_key = \"{CANARY}\"\n[log]\nlevel = \"{CANARY}\"\n"),
        format!("[storage]\ndurability = \"{CANARY}\"\n[http]\nbind = \"{CANARY}\"\ntoken = \"{CANARY}\"\n"),
        format!("[providers.main]\nkind = \"openai\"\napi_key = \"env:{CANARY}\"\n"),
        format!("{CANARY} = = 1"),
    ];
    for text in texts {
        let error = Place::new(&text).load(&[], Value::Null).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("1234567890ab"), "{shown}");
        }
        assert!(error.to_string().contains("config.toml:"), "{error}");
    }
    // A number where a secret should be must not be shown either.
    let error = Place::new("[http]\ntoken = 1234567890\n").load(&[], Value::Null).unwrap_err().to_string();
    assert!(error.contains("found a whole number") && !error.contains("12345"), "{error}");
}

#[test]
fn show_names_where_each_value_comes_from_and_hides_secrets() {
    let text = format!(
        "[agent]\nmodel = \"main/x\"\n[providers.main]\nkind = \"openai\"\napi_key = \"{CANARY}\"\nbase_url = \"https://x.example/{CANARY}\"\n\
         headers = {{ x-team = \"blue\", authorization = \"env:HEADER\" }}\n[providers.other]\nkind = \"openai\"\napi_key = \"env:OTHER\"\n"
    );
    let place = Place::new(&text);
    let loaded = place.load(&[("FACTOTUM_LOG__FORMAT", "json")], Value::Null).unwrap();
    let shown = loaded.show();
    for part in [
        "model = \"main/x\"  # file, line 2",
        "api_key = \"***\"  # file, line 5",
        "api_key = \"env:OTHER\"  # file, line 10",
        "authorization = \"env:HEADER\"",
        "x-team = \"***\"",
        "format = \"json\"  # env FACTOTUM_LOG__FORMAT",
        "approval_minutes = 10  # default",
        "[providers.main]",
        "[agent.limits]",
    ] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    for text in [shown.clone(), loaded.show_json().to_string(), format!("{loaded:?}")] {
        assert!(!text.contains("1234567890ab"), "{text}");
    }
    // It is a configuration itself, as far as what it says is concerned.
    let again = Place::new(&shown).load(&[], Value::Null).unwrap();
    assert_eq!(again.config.agent, loaded.config.agent);
    assert_eq!(again.config.log, loaded.config.log);
}

#[test]
fn secrets_are_resolved_by_their_key_and_become_known_to_the_redactor() {
    let place = Place::new(
        "[providers.main]\nkind = \"openai\"\napi_key = \"file:key\"\nheaders = { authorization = \"env:HEADER\", x-a = \"b\" }\n\
         [providers.lost]\nkind = \"openai\"\napi_key = \"env:LOST\"\nheaders = { authorization = \"file:lost\" }\n",
    );
    std::fs::write(place.0.path().join("key"), format!("{CANARY}\n")).unwrap();
    let variables = environment(&[("HEADER", "Token header-secret-1")]);
    let config = place.load(&[], Value::Null).unwrap().config;
    let key = |name: &str| config.providers[name].api_key.clone().unwrap();
    let provider = |name: &str| KeyPath(vec!["providers".into(), name.into()]);
    let found = config.resolve(provider("main").child("api_key"), &key("main"), &variables).unwrap();
    assert_eq!(found.expose_secret(), CANARY);
    let table = config.resolve_table(&provider("main"), &variables).unwrap();
    assert_eq!(table["headers"], json!({"authorization": "Token header-secret-1", "x-a": "b"}));
    assert_eq!(
        config.redactor().redact(&format!("{CANARY}, Token header-secret-1")),
        "[redacted], [redacted]"
    );

    let file = place.file();
    let error =
        config.resolve(provider("lost").child("api_key"), &key("lost"), &variables).unwrap_err().to_string();
    let expected = "providers.lost.api_key: env:LOST: environment variable LOST is not set";
    assert_eq!(error, format!("{}:7: {expected}", file.display()));
    let error = config.resolve_table(&provider("lost"), &variables).unwrap_err().to_string();
    assert!(error.contains(":8: providers.lost.headers.authorization: file:lost: "), "{error}");
}

#[test]
fn a_problem_found_later_is_placed_in_the_file() {
    let place = Place::new("\n[providers.main]\nkind = \"openai\"\nbase_url = \"https://x\"\n");
    let config = place.load(&[], Value::Null).unwrap().config;
    let problem = config.problem("providers.main.base_url", "cannot be reached");
    assert_eq!(
        problem.to_string(),
        format!("{}:4: providers.main.base_url: cannot be reached", place.file().display())
    );
    let problem = config.problem("tools.exec.sandbox", "must be written out");
    assert_eq!(
        problem.to_string(),
        format!("{}: tools.exec.sandbox: must be written out", place.file().display())
    );
}

#[test]
fn a_leading_tilde_is_the_users_home_and_relative_paths_start_in_the_data_directory() {
    let table = [("~/w", "/home/me/w"), ("w", "HOME/w"), ("/abs", "/abs"), ("~x", "HOME/~x")];
    for (written, expected) in table {
        let place = Place::new(&format!("[agent]\nworkspace = \"{written}\"\n"));
        let config = place.load(&[("HOME", "/home/me")], Value::Null).unwrap().config;
        let expected = expected.replace("HOME", place.0.path().to_str().unwrap());
        assert_eq!(config.workspace(place.0.path()), Path::new(&expected), "{written}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_refused_or_accepted_and_never_a_panic(text in "[\\[\\]a-z.=\"'#{},0-9\n \\\\]{0,120}") {
        let _ = Place::new(&text).load(&[], Value::Null);
    }

    #[test]
    fn any_variable_is_refused_or_accepted_and_never_a_panic(name in "[A-Z_]{0,20}", value in ".{0,30}") {
        let variable = format!("FACTOTUM_{name}");
        let mut variables = BTreeMap::new();
        variables.insert(variable, value);
        variables.remove("FACTOTUM_CONFIG");
        let environment = Environment(variables);
        let home = tempfile::tempdir().unwrap();
        let _ = load(&LoadInput::new(home.path().to_owned(), None, &environment));
    }
}
