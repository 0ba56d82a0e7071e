use parking_lot::Mutex;
use secrecy::SecretString;

use super::*;

const CANARY: &str = "sk-train-1234567890abcdef1234567890abcdef";

/// What two events, one of them in a span, leave in the log.
fn logged(format: LogFormat, level: &str, filter: Option<&str>, verbosity: Verbosity) -> String {
    let config = LogConfig { level: level.to_owned(), format, file: None };
    let redactor = Redactor::default();
    redactor.add(&SecretString::from(CANARY.to_owned()));
    let home = Path::new("/nonexistent");
    let input = LogInput { config: &config, home, verbosity, filter, colors: false, redactor: &redactor };
    let memory = Arc::new(Mutex::new(Vec::new()));
    let subscriber = subscriber(&input, Sink::Memory(memory.clone()), false).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::error_span!("turn", session = "cli:1", turn = 7);
        let _inside = span.enter();
        tracing::warn!(key = CANARY, "refused \"{CANARY}\" twice");
        tracing::debug!("a detail");
    });
    let text = memory.lock().clone();
    String::from_utf8(text).unwrap()
}

#[test]
fn every_format_names_session_and_turn_and_hides_secrets() {
    for format in [LogFormat::Logfmt, LogFormat::Json, LogFormat::Pretty] {
        let text = logged(format, "warn", None, Verbosity::default());
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["cli:1", "turn", "7", "refused", "[redacted]", "twice"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("1234567890ab"), "{text}");
        if format == LogFormat::Json {
            let line: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(line["span"]["session"], "cli:1");
        }
    }
}

#[test]
fn flags_win_over_the_variable_and_the_variable_over_the_file() {
    let verbose = |verbose| Verbosity { verbose, quiet: false };
    let quiet = Verbosity { verbose: 0, quiet: true };
    let table = [
        ("warn", None, Verbosity::default(), 1),
        ("debug", None, Verbosity::default(), 2),
        ("off", None, Verbosity::default(), 0),
        ("off", Some("warn,factotum=debug"), Verbosity::default(), 2),
        ("debug", Some("off,somebody_else=trace"), Verbosity::default(), 0),
        ("warn", Some("off"), verbose(2), 2),
        ("debug", Some("debug"), quiet, 0),
        ("off", None, verbose(1), 1),
    ];
    for (level, filter, verbosity, lines) in table {
        let text = logged(LogFormat::Logfmt, level, filter, verbosity);
        assert_eq!(text.lines().count(), lines, "{level} {filter:?} {verbosity:?}: {text}");
    }
}

#[test]
fn a_filter_without_sense_is_refused() {
    for good in ["warn", "OFF", " info ", "warn,agent_core=debug", "[turn{session=1}]=trace,warn"] {
        assert_eq!(check_filter(good), Ok(()), "{good}");
    }
    for bad in ["", "  ", "loud", "warn,x=loud", "factotum"] {
        assert!(check_filter(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_file_is_made_with_its_folder_and_only_for_the_owner() {
    use std::{io::Write as _, os::unix::fs::PermissionsExt as _};
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("logs/factotum.log");
    for line in ["one\n", "two\n"] {
        open(&path).unwrap().write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let error = open(home.path()).unwrap_err().to_string();
    assert!(error.starts_with("log file ") && error.contains("directory"), "{error}");
}
