//! `factotum agent` as a person at a terminal meets it.

#[cfg(test)]
mod support {
    //! A terminal that types and reads, and says where its cursor stands when it is asked, as real ones do.

    use std::{
        fs::File,
        io::{Read as _, Write as _},
        process::Command,
        sync::{Arc, Condvar, Mutex},
        thread,
        time::Duration,
    };

    use rexpect::process::PtyProcess;

    /// The question where the cursor stands, and an answer.
    const WHERE: &str = "\x1b[6n";
    const HERE: &[u8] = b"\x1b[1;1R";
    /// A hang of this length is a failure. Generous: the machine may be busy.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[derive(Default)]
    struct Seen {
        text: String,
        over: bool,
    }

    pub(super) struct Terminal {
        process: PtyProcess,
        keys: File,
        seen: Arc<(Mutex<Seen>, Condvar)>,
        /// What of the text was expected already.
        read: usize,
    }

    impl Terminal {
        /// Starts a command of the binary on a terminal of usual size.
        pub(super) fn start(mut command: Command, arguments: &str) -> Self {
            let binary = command.get_program().to_owned();
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("stty rows 30 cols 100; exec \"$0\" {arguments}")).arg(binary);
            shell.env_clear().env("TERM", "xterm-256color");
            for (name, value) in command.get_envs() {
                shell.env(name, value.unwrap_or_default());
            }
            if let Some(dir) = command.get_current_dir() {
                shell.current_dir(dir);
            }
            command = shell;
            let process = PtyProcess::new(command).unwrap();
            let (mut output, keys) = (process.get_file_handle().unwrap(), process.get_file_handle().unwrap());
            let (mut answers, seen) =
                (keys.try_clone().unwrap(), Arc::new((Mutex::new(Seen::default()), Condvar::new())));
            let shared = seen.clone();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                // Linux ends a terminal without processes with an error.
                while let Ok(count @ 1..) = output.read(&mut bytes) {
                    let piece = String::from_utf8_lossy(&bytes[..count]).into_owned();
                    for _ in 0..piece.matches(WHERE).count() {
                        answers.write_all(HERE).unwrap();
                    }
                    shared.0.lock().unwrap().text.push_str(&piece);
                    shared.1.notify_all();
                }
                shared.0.lock().unwrap().over = true;
                shared.1.notify_all();
            });
            Self { process, keys, seen, read: 0 }
        }

        /// Presses keys.
        pub(super) fn press(&mut self, keys: &str) {
            self.keys.write_all(keys.as_bytes()).unwrap();
        }

        /// Waits until `text` is seen behind what was expected before.
        pub(super) fn expect(&mut self, text: &str) {
            let (lock, changed) = &*self.seen;
            let seen = lock.lock().unwrap();
            let (seen, late) = changed
                .wait_timeout_while(seen, PATIENCE, |seen| {
                    !seen.over && !seen.text[self.read..].contains(text)
                })
                .unwrap();
            let new = &seen.text[self.read..];
            match new.find(text) {
                Some(at) => self.read += at + text.len(),
                None => panic!("{text:?} was not seen (late: {}) in:\n{new:?}", late.timed_out()),
            }
        }

        /// Everything seen so far.
        pub(super) fn text(&self) -> String {
            self.seen.0.lock().unwrap().text.clone()
        }

        pub(super) fn terminate(&mut self) {
            self.process.signal(rexpect::process::signal::SIGTERM).unwrap();
        }

        /// Waits for the end and returns the exit code.
        pub(super) fn exit_code(&mut self) -> i32 {
            let (lock, changed) = &*self.seen;
            let seen = lock.lock().unwrap();
            let (seen, _) = changed.wait_timeout_while(seen, PATIENCE, |seen| !seen.over).unwrap();
            assert!(seen.over, "it goes on: {:?}", seen.text);
            drop(seen);
            match self.process.wait().unwrap() {
                rexpect::process::wait::WaitStatus::Exited(_, code) => code,
                other => panic!("{other:?}"),
            }
        }
    }
}

use servers::{Gate, Hold, ModelServer, Reply, TempHome};
use support::Terminal;

const PROMPT: &str = "› ";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

fn home(server: &ModelServer) -> TempHome {
    TempHome::with_config(&format!(
        "[agent]\nmodel = \"test/scripted\"\nask = [\"list_dir\"]\n[providers.test]\nkind = \"openai\"\n\
         base_url = \"{}\"\n",
        server.base_url()
    ))
}

fn talk(home: &TempHome) -> Terminal {
    let mut terminal = Terminal::start(home.command(), "agent");
    terminal.expect(PROMPT);
    terminal
}

#[test]
fn a_conversation_goes_on_after_a_command_and_a_stopped_turn() {
    let gate = Gate::new();
    let server = ModelServer::start([
        Reply::text("The answer is **forty-two**."),
        Reply::deltas(["Let me think", " for ever"]).hold_after(1, Hold::Until(gate.clone())),
        Reply::text("Still here."),
    ]);
    let home = home(&server);
    let mut terminal = talk(&home);
    terminal.press("what is the answer?\r");
    terminal.expect("The answer is ");
    terminal.expect("forty-two");
    terminal.expect(PROMPT);
    terminal.press("/status\r");
    terminal.expect("Model: test/scripted");
    terminal.expect(PROMPT);
    terminal.press("think\r");
    server.wait_for_requests(2, std::time::Duration::from_secs(60)).unwrap();
    terminal.press(CTRL_C);
    terminal.expect("Stopped. What was done so far is kept.");
    terminal.expect(PROMPT);
    gate.open();
    terminal.press("are you there?\r");
    terminal.expect("Still here.");
    terminal.expect(PROMPT);
    terminal.press(CTRL_D);
    assert_eq!(terminal.exit_code(), 0);
    assert!(!terminal.text().contains("**"), "marks are rendered");
    let history = home.read("factotum/history/cli").unwrap();
    assert_eq!(history, "what is the answer?\n/status\nthink\nare you there?\n");
}

#[test]
fn ctrl_c_at_a_question_stops_the_turn() {
    let server = ModelServer::start(Reply::tool("list_dir", serde_json::json!({ "path": "." })));
    let home = home(&server);
    let mut terminal = talk(&home);
    terminal.press("what is there?\r");
    terminal.expect("[y]es / [n]o");
    terminal.press(CTRL_C);
    terminal.expect("Stopped.");
    terminal.expect(PROMPT);
    terminal.press(CTRL_D);
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_line_that_ends_with_a_backslash_goes_on() {
    let server = ModelServer::start(Reply::text("Both read."));
    let home = home(&server);
    let mut terminal = talk(&home);
    terminal.press("first\\\r");
    terminal.expect("… ");
    terminal.press("second\r");
    terminal.expect("Both read.");
    terminal.expect(PROMPT);
    terminal.press("/exit\r");
    assert_eq!(terminal.exit_code(), 0);
    let request = server.requests()[0].body.to_string();
    assert!(request.contains("first\\nsecond"), "{request}");
}

#[test]
fn a_question_is_asked_at_once_and_stays_open_for_the_next_time() {
    let server = ModelServer::start([
        Reply::tool("list_dir", serde_json::json!({ "path": "." })),
        Reply::text("It is empty."),
        Reply::tool("list_dir", serde_json::json!({ "path": "." })),
        Reply::text("Then not."),
    ]);
    let home = home(&server);
    let mut terminal = talk(&home);
    terminal.press("what is there?\r");
    terminal.expect("May I run list_dir");
    terminal.expect("[y]es / [n]o");
    terminal.press("y\r");
    terminal.expect("⚙ list_dir");
    terminal.expect("It is empty.");
    terminal.expect(PROMPT);
    terminal.press("and now?\r");
    terminal.expect("[y]es / [n]o");
    terminal.press(CTRL_D);
    terminal.expect("stays open");
    assert_eq!(terminal.exit_code(), 3);

    let mut terminal = Terminal::start(home.command(), "agent");
    terminal.expect("A question is open from before");
    terminal.expect("[y]es / [n]o");
    terminal.press("n\r");
    terminal.expect("Then not.");
    terminal.expect(PROMPT);
    terminal.press("\x15:q\r");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn the_end_of_the_process_is_clean_at_the_prompt() {
    let server = ModelServer::start(Reply::text("unused"));
    let home = home(&server);
    let mut terminal = talk(&home);
    terminal.terminate();
    assert_eq!(terminal.exit_code(), 130);
    assert!(terminal.text().ends_with("asked to.\u{1b}[0m\r\n"), "{:?}", terminal.text());
}
