//! The benchmark server's binary, the temporary home and the ledger.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use servers::{TempHome, corpus};

/// The benchmark server, ended when the test ends.
struct Quick(Child, String);

impl Quick {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_model-server"))
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap().to_owned();
        Self(child, address)
    }

    fn ask(&self, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Quick {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_benchmark_server_prints_its_url_and_answers_each_kind_of_request() {
    let server = Quick::start();
    for (body, expected) in [
        (r#"{"messages":[{"role":"user","content":"hi"}]}"#, servers::quick::TEXT),
        (r#"{"stream":true,"messages":[{"role":"user","content":"hi"}]}"#, "data: [DONE]\n\n"),
        (r#"{"messages":[{"role":"user","content":"calc it"}]}"#, r#""name":"calculate_expression""#),
        (
            r#"{"stream":true,"messages":[{"role":"user","content":"calc"}]}"#,
            r#""name":"calculate_expression""#,
        ),
        ("nonsense", "400 Bad Request"),
    ] {
        let answer = server.ask(body);
        assert!(answer.contains(expected), "{body}: {answer}");
    }
}

#[test]
fn the_benchmark_server_explains_wrong_arguments() {
    for arguments in
        [&["--port"][..], &["--port", "x"], &["--port=70000"], &["8080"], &["--port", "0", "more"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_model-server")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: model-server"), "{arguments:?}");
    }
}

#[test]
fn a_home_is_laid_out_and_gone_afterwards() {
    let home = TempHome::with_config("[agent]\n");
    let root = home.root().to_owned();
    assert_eq!(home.read("factotum/config.toml").as_deref(), Some("[agent]\n"));
    assert_eq!(home.read("factotum/none"), None);
    assert_eq!(home.write("work/deep/a.txt", "x"), home.work().join("deep/a.txt"));
    drop(home);
    assert!(!root.exists());
}

#[test]
fn the_command_starts_in_a_clean_environment_inside_the_home() {
    let home = TempHome::new();
    let command = home.command();
    assert!(command.get_program().to_string_lossy().ends_with("factotum"));
    assert_eq!(command.get_current_dir(), Some(home.work().as_path()));
    let mut names: Vec<_> = command.get_envs().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["FACTOTUM_HOME", "HOME", "PATH"]);
}

#[test]
fn a_ledger_holds_lines_of_any_writer_and_only_whole_entries() {
    let home = TempHome::new();
    let ledger = home.ledger();
    assert!(ledger.lines().is_empty());
    ledger.append("one").unwrap();
    let script = format!("echo two >> '{0}'; printf torn >> '{0}'", ledger.path().display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert_eq!(ledger.lines(), ["one", "two", "torn"]);
    assert!(ledger.append("a\nb").is_err());
    assert_eq!(ledger.lines().len(), 3);
}

#[test]
fn an_unknown_corpus_is_absent() {
    assert!(corpus("there is no such corpus").is_none());
}
