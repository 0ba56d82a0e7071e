//! Data directories that cannot be used: read-only, full, newer, foreign, damaged.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use it::{
    Output, Proc, Setup, dead_letters, history, parse_lines, run, run_with_input, runnable, say, skip, until,
};
use serde_json::{Value, json};
use servers::{ModelServer, Reply, TempHome, entries};

fn database(home: &TempHome) -> PathBuf {
    home.path().join("factotum.db")
}

/// A home with three sessions, closed and in one file.
fn filled() -> TempHome {
    let home = TempHome::with_config("[agent]\nmodel = \"offline\"\n");
    say(&home, "default", "what is 2 + 2").ends(0);
    let exported = run(home.command().args(["sessions", "export"])).with_code(0).out;
    for session in ["second", "third"] {
        run_with_input(
            home.command().args(["sessions", "import", "-", "--session", session]),
            exported.clone(),
        )
        .ends(0);
    }
    sqlite(&home, "PRAGMA wal_checkpoint(TRUNCATE)");
    home
}

fn sqlite(home: &TempHome, sql: &str) {
    let done = Command::new("sqlite3").arg(database(home)).arg(sql).output();
    assert!(done.as_ref().is_ok_and(|output| output.status.success()), "{sql}: {done:?}");
}

/// Everything that the store keeps, by name. What readers leave beside a database (`-shm`) is not data.
fn files(home: &TempHome) -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["factotum.db", "factotum.db-wal", "factotum.db-journal"];
    let bytes = |path: &Path| fs::read(path).ok().filter(|bytes| !bytes.is_empty());
    names
        .iter()
        .map(|name| home.path().join(name))
        .filter_map(|path| Some((path.clone(), bytes(&path)?)))
        .collect()
}

/// Refuses to start with the code for storage, names the file, and leaves it as it was.
fn refuses(home: &TempHome, what: &str) {
    let before = files(home);
    for arguments in [&["agent", "-m", "hello"][..], &["sessions", "list"], &["doctor"]] {
        let output = run(home.command().args(arguments));
        assert!(output.code == Some(74), "{what}: {output}");
        assert!(output.all().contains("factotum.db"), "the file is named, {what}: {output}");
        assert!(!output.all().contains("panicked"), "{what}: {output}");
    }
    assert!(files(home) == before, "{what}: the files were changed");
}

#[test]
fn a_newer_a_foreign_and_a_damaged_database_are_refused_and_left_alone() {
    if !runnable("sqlite3", &["--version"]) {
        return skip("there is no sqlite3 to make such databases with");
    }
    let newer = filled();
    sqlite(&newer, "PRAGMA user_version = 1000");
    let told = say(&newer, "default", "hello").with_code(74);
    assert!(told.err.contains("newer version"), "{told}");
    refuses(&newer, "newer");

    let foreign = TempHome::new();
    sqlite(&foreign, "PRAGMA application_id = 77; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
    refuses(&foreign, "foreign");

    let unmarked = TempHome::new();
    sqlite(&unmarked, "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
    refuses(&unmarked, "foreign without a mark");

    let garbage = TempHome::new();
    garbage.write("factotum/factotum.db", "this is no database at all\n".repeat(500));
    refuses(&garbage, "garbage");
    assert!(say(&garbage, "default", "hello").err.contains("damaged"));

    let directory = TempHome::new();
    directory.write("factotum/factotum.db/inside", "");
    refuses(&directory, "a directory in place of the database");

    let gone = filled();
    fs::remove_file(database(&gone)).unwrap();
    refuses(&gone, "a database that vanished");
}

#[test]
fn places_that_are_no_directories_are_named() {
    let home = TempHome::new();
    home.write("a-file", "");
    let file = home.root().join("a-file");
    let output = run(home.command().args(["agent", "-m", "hello"]).env("FACTOTUM_HOME", &file));
    assert!(matches!(output.code, Some(74 | 78)) && output.err.contains("a-file"), "{output}");
    let nowhere =
        run(home.command().args(["agent", "-m", "hello"]).env_remove("FACTOTUM_HOME").env_remove("HOME"));
    assert!(matches!(nowhere.code, Some(74 | 78)) && nowhere.err.contains("FACTOTUM_HOME"), "{nowhere}");
    let workspace = TempHome::new();
    workspace.write("factotum/workspace", "a file");
    let output = say(&workspace, "default", "hello").with_code(74);
    assert!(output.err.contains("workspace"), "{output}");
}

#[test]
fn a_new_data_directory_is_for_its_owner_alone() {
    for arguments in [&["agent", "-m", "what is 1 + 1"][..], &["onboard", "--yes"], &["sessions", "list"]] {
        let home = TempHome::new();
        let new = home.root().join("new");
        run(home.command().args(arguments).env("FACTOTUM_HOME", &new)).ends(0);
        let mode = fs::metadata(&new).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{arguments:?}");
    }
}

/// The command as a user who may not write here: whoever runs the tests, or nobody where that is root, whom no mode
/// stops. None where that is not possible.
fn as_nobody(home: &TempHome, arguments: &[&str]) -> Option<Command> {
    let mut direct = home.command();
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout != b"0\n" {
        direct.args(arguments).current_dir("/");
        return Some(direct);
    }
    let drop = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut probe = Command::new("setpriv");
    probe.args(drop).arg(direct.get_program()).arg("--version");
    if !probe.output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(drop).arg(direct.get_program()).args(arguments).env_clear().current_dir("/");
    for (name, value) in direct.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Some(command)
}

fn chmod(mode: &str, path: &Path) {
    let done = Command::new("chmod").args(["-R", mode]).arg(path).status();
    assert!(done.is_ok_and(|status| status.success()));
}

#[test]
fn a_read_only_data_directory_is_a_storage_error() {
    for (what, home) in [("empty", TempHome::new()), ("used", filled())] {
        chmod("a+rX,u-w", home.root());
        let Some(mut command) = as_nobody(&home, &["agent", "-m", "hello"]) else {
            chmod("u+w", home.root());
            return skip(
                "root is stopped by no mode, and nobody else can run the binary here (needs setpriv)",
            );
        };
        let output = run(&mut command).with_code(74);
        assert!(output.err.contains(&home.path().display().to_string()), "{what}: {output}");
        assert!(output.out.is_empty(), "{what}: {output}");
        let doctor = as_nobody(&home, &["doctor"]).map(|mut command| run(&mut command));
        assert!(doctor.as_ref().is_some_and(|output| output.code != Some(0)), "{doctor:?}");
        chmod("u+w", home.root());
    }
}

#[test]
fn a_full_disk_is_a_storage_error_and_nothing_is_lost() {
    if !runnable("unshare", &["-rm", "true"]) {
        return skip("unshare -rm does not work here, so there is no small disk to fill");
    }
    let server = ModelServer::start(Reply::text("there is room"));
    let config = Setup::of(&server).text();
    let home = TempHome::new();
    home.write("config.toml", config);
    let binary = home.command().get_program().to_string_lossy().into_owned();
    let script = format!(
        r#"set -u; cd /; mount -t tmpfs -o size=3m none "$FACTOTUM_HOME" || exit 99
        F="{binary} --config {root}/config.toml"
        $F agent -m w-before >{root}/out1 2>{root}/err1; echo $? > {root}/code1
        dd if=/dev/zero of="$FACTOTUM_HOME/filler" bs=4096 2>/dev/null
        head -c 900000 /dev/zero | tr '\0' x | $F agent -m - >{root}/out2 2>{root}/err2; echo $? > {root}/code2
        rm "$FACTOTUM_HOME/filler"
        $F agent -m w-after >{root}/out3 2>{root}/err3; echo $? > {root}/code3
        $F doctor >{root}/out4 2>{root}/err4; echo $? > {root}/code4
        $F sessions show default --json >{root}/out5"#,
        root = home.root().display()
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script]).env_clear();
    for (name, value) in home.command().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let done = run(&mut command);
    if done.code == Some(99) {
        return skip("no tmpfs can be mounted here");
    }
    let read = |name: &str| home.read(name).unwrap_or_default();
    let step = |n: u8| {
        format!("{}\n{}\n{}", read(&format!("code{n}")), read(&format!("out{n}")), read(&format!("err{n}")))
    };
    assert_eq!(read("code1").trim(), "0", "{}", step(1));
    assert_eq!(read("code2").trim(), "74", "{}", step(2));
    assert!(read("err2").to_lowercase().contains("space") || read("err2").contains("full"), "{}", step(2));
    assert!(!read("err2").contains("panicked"), "{}", step(2));
    assert_eq!(read("code3").trim(), "0", "{}", step(3));
    assert_eq!(read("code4").trim(), "0", "the database is whole: {}", step(4));
    let said = it::History(parse_lines(&read("out5")));
    assert_eq!((said.count("w-before"), said.count("w-after")), (1, 1));
    let long = said.count("xxxx");
    // Kept or clearly not accepted: a message that was refused must not turn up later without an answer.
    assert_eq!(long, read("out3").matches("[resumed]").count(), "{}", step(3));
}

#[test]
fn a_damaged_database_is_refused_or_opened_as_the_corpus_says() {
    let entries = entries("malformed_db");
    if entries.is_empty() || !runnable("sqlite3", &["--version"]) {
        return skip("there is no corpus malformed_db or no sqlite3 here");
    }
    for entry in entries {
        let home = filled();
        let what = format!("{} ({})", entry["id"], entry["why"]);
        let mut held = Vec::new();
        let mut known = true;
        for op in entry["input"]["ops"].as_array().into_iter().flatten() {
            known &= damage(&home, op, &mut held);
        }
        if !known {
            skip(&format!("{what}: an operation that this test does not know"));
            continue;
        }
        let before = files(&home);
        let listed = run(home.command().args(["sessions", "list", "--json"]));
        let said = say(&home, "default", "what is 3 + 4");
        for output in [&listed, &said] {
            assert!(!output.all().contains("panicked"), "{what}: {output}");
            assert!(matches!(output.code, Some(0 | 74)), "{what}: {output}");
        }
        match entry["expect"]["outcome"].as_str() {
            Some("refuse") => {
                assert!(listed.code == Some(74) && said.code == Some(74), "{what}: {listed}\n{said}");
                assert!(listed.err.contains("factotum.db"), "{what}: {listed}");
                assert!(files(&home) == before, "{what}: the files were changed");
            }
            Some("open") => {
                assert!(listed.code == Some(0) && said.code == Some(0), "{what}: {listed}\n{said}");
                assert!(said.out.contains('7'), "{what}: {said}");
                assert_eq!(listed.out.lines().count(), 3, "no silent reset, {what}: {listed}");
            }
            _ => {
                if listed.code == Some(0) {
                    assert_eq!(listed.out.lines().count(), 3, "no silent reset, {what}: {listed}");
                } else {
                    assert!(listed.err.contains(home.path().to_str().unwrap()), "{what}: {listed}");
                }
            }
        }
        drop(held);
        // So that the directory can be removed by people whom modes stop.
        let _ = fs::set_permissions(home.path().join("workspace"), fs::Permissions::from_mode(0o755));
    }
}

/// Does one operation of the corpus. False: it is not known here.
fn damage(home: &TempHome, op: &Value, held: &mut Vec<Proc>) -> bool {
    let path = home.path().join(op["file"].as_str().unwrap_or_default());
    let number = |key: &str| usize::try_from(op[key].as_u64().unwrap_or(0)).unwrap_or(0);
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(&path).unwrap_or_default();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    };
    match op["op"].as_str().unwrap_or_default() {
        "truncate" => {
            let Ok(length) = fs::metadata(&path).map(|about| about.len()) else { return true };
            let to = op["to"].as_u64().or_else(|| {
                let percent: u64 = op["to"].as_str()?.strip_suffix('%')?.parse().ok()?;
                Some(length * percent / 100)
            });
            change(&|bytes| bytes.truncate(usize::try_from(to.unwrap_or(0)).unwrap_or(0)));
        }
        "overwrite" => {
            let hex: Vec<u32> =
                op["hex"].as_str().unwrap_or_default().chars().filter_map(|c| c.to_digit(16)).collect();
            let new: Vec<u8> =
                hex.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0)).collect();
            change(&|bytes| bytes[number("at")..][..new.len()].copy_from_slice(&new));
        }
        "zero_page" => change(&|bytes| bytes[(number("page") - 1) * 4096..][..4096].fill(0)),
        "replace_text" => fs::write(&path, op["text"].as_str().unwrap_or_default()).unwrap(),
        "flip_bits" => change(&|bytes| {
            let mut seed = number("seed");
            for _ in 0..number("count") {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 20) % bytes.len();
                bytes[at] ^= 1 << (seed >> 60 & 7);
            }
        }),
        "sql" => {
            let sql = op["sql"].as_str().unwrap_or_default();
            let names = [
                ("{OUTBOX}", "outbox"),
                ("{MESSAGES}", "messages"),
                ("{JSON}", "body"),
                ("{INBOX}", "inbox"),
            ];
            sqlite(home, &names.iter().fold(sql.to_owned(), |sql, (name, ours)| sql.replace(name, ours)));
            sqlite(home, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        "delete" => drop(fs::remove_file(&path)),
        "lock_exclusive" => {
            let lock = format!(
                "BEGIN EXCLUSIVE;\n.shell touch {0}/locked\n.shell sleep {1}\nROLLBACK;\n",
                home.root().display(),
                number("seconds")
            );
            let mut command = Command::new("sqlite3");
            held.push(Proc::start_with(command.arg(&path), Some(lock.into_bytes())));
            until("the lock", || home.root().join("locked").exists().then_some(()));
        }
        "replace_with_symlink" => {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(op["to"].as_str().unwrap_or_default(), &path).unwrap();
        }
        "chmod" => {
            let mode = u32::from_str_radix(op["mode"].as_str().unwrap_or_default(), 8).unwrap();
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        _ => return false,
    }
    true
}

#[test]
fn messages_of_a_run_whose_storage_fails_are_kept_or_refused_as_a_whole() {
    // The blob directory is a file: a result too long to be stored inline cannot be kept.
    let server =
        ModelServer::start([Reply::tool("read_file", json!({"path": "long.txt"})), Reply::text("read")]);
    let home = Setup::of(&server).more("[agent.budget]\nresult_chars = 2000").home();
    home.write("factotum/workspace/long.txt", "0123456789\n".repeat(5_000));
    say(&home, "default", "/status").ends(0);
    fs::remove_dir_all(home.path().join("blobs")).unwrap();
    home.write("factotum/blobs", "in the way");
    let output: Output = say(&home, "default", "read it");
    assert!(!output.all().contains("panicked"), "{output}");
    assert!(matches!(output.code, Some(0 | 1 | 74)), "{output}");
    fs::remove_file(home.path().join("blobs")).unwrap();
    let next = say(&home, "default", "and now").with_code(0);
    let answered = history(&home, "default").count("read it");
    assert!(answered + dead_letters(&home).len() <= 1, "{output}\n{next}");
    assert_eq!(next.out.contains("[resumed]"), output.code == Some(74) && answered == 1, "{output}\n{next}");
}
