//! The shared corpus of paths, run against the real tools. Skipped visibly where the corpus is not at hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::{Value, json};
use session_api::Part;
use tool_api::{Tool, ToolError, Typed, contract};
use tools::{EditFile, Glob, Grep, ListDir, ReadFile, Workspace, WriteFile};

const CANARY: &str = "CANARY-9f31";

/// The corpus of that name, looked for in a folder `shared` beside the repository.
fn corpus(name: &str) -> Option<Value> {
    let mut here = Some(Path::new(env!("CARGO_MANIFEST_DIR")));
    while let Some(directory) = here {
        if let Ok(text) = fs::read_to_string(directory.join("shared/corpora/security").join(name)) {
            return Some(serde_json::from_str(&text).expect("the corpus is JSON"));
        }
        here = directory.parent();
    }
    println!("skipped: there is no shared/corpora/security/{name}");
    None
}

struct Scene {
    _place: tempfile::TempDir,
    ws: PathBuf,
    outside: PathBuf,
    races: Vec<(PathBuf, PathBuf, PathBuf)>,
}

impl Scene {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let (ws, outside) = (place.path().join("ws"), place.path().join("outside"));
        fs::create_dir(&ws).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret.txt"), CANARY).unwrap();
        Self { _place: place, ws, outside, races: Vec::new() }
    }

    fn fill_in(&self, text: &str) -> String {
        text.replace("$WS", self.ws.to_str().unwrap())
            .replace("$OUTSIDE", self.outside.to_str().unwrap())
            .replace("$HOME", "/root")
    }

    fn path(&self, value: &Value) -> String {
        if let Some(literal) = value.get("literal") {
            return literal.as_str().unwrap().to_owned();
        }
        if let Some(parts) = value.get("gen") {
            let text = |key: &str| parts[key].as_str().unwrap_or("").to_owned();
            let count = usize::try_from(parts["count"].as_u64().unwrap()).unwrap();
            return self.fill_in(&format!(
                "{}{}{}",
                text("prefix"),
                text("unit").repeat(count),
                text("suffix")
            ));
        }
        self.fill_in(value.as_str().unwrap())
    }

    fn place(&self, value: &Value) -> PathBuf {
        self.ws.join(self.fill_in(value.as_str().unwrap()))
    }

    fn set_up(&mut self, step: &Value) {
        let at = self.place(&step["at"]);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        match step["op"].as_str().unwrap() {
            "mkdir" => fs::create_dir_all(&at).unwrap(),
            "file" => fs::write(&at, step["content"].as_str().unwrap()).unwrap(),
            "symlink" => symlink(self.fill_in(step["to"].as_str().unwrap()), &at).unwrap(),
            "hardlink" => fs::hard_link(self.place(&step["to"]), &at).unwrap(),
            "fifo" => mknodat(CWD, &at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
            "swap_race" => {
                let between = step["between"].as_array().unwrap();
                self.races.push((at, self.place(&between[0]), self.place(&between[1])));
            }
            other => panic!("the corpus has an operation that this test does not know: {other}"),
        }
    }

    fn tool(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let workspace = Workspace::open(&self.ws).unwrap();
        Some(match name {
            "read_file" => Arc::new(Typed::new(ReadFile { workspace, max_bytes: 100_000 })),
            "write_file" => Arc::new(Typed::new(WriteFile { workspace })),
            "edit_file" => Arc::new(Typed::new(EditFile { workspace })),
            "list_dir" => Arc::new(Typed::new(ListDir { workspace })),
            "glob" => Arc::new(Typed::new(Glob { workspace })),
            "grep" => Arc::new(Typed::new(Grep { workspace, max_bytes: 100_000 })),
            _ => return None,
        })
    }

    /// Everything outside, by name, with its bytes.
    fn outside(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        fn collect(directory: &Path, into: &mut Vec<(PathBuf, Option<Vec<u8>>)>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    into.push((path.clone(), None));
                    collect(&path, into);
                } else {
                    into.push((path.clone(), fs::read(&path).ok()));
                }
            }
        }
        let mut all = Vec::new();
        collect(&self.outside, &mut all);
        all.sort();
        all
    }
}

async fn call(tool: &Arc<dyn Tool>, args: &Value) -> Result<String, ToolError> {
    let args = args.to_string();
    // Asked for before each start. In a race it may see the other side of the swap.
    let key = tool.key(&contract::context(), &args).await;
    assert!(matches!(key, Ok(_) | Err(ToolError::Refused { .. } | ToolError::Failed(_))), "{key:?}");
    let output = tokio::time::timeout(Duration::from_secs(2), tool.call(&contract::context(), &args))
        .await
        .expect("it returns within two seconds")?;
    Ok(output.content.iter().filter_map(Part::as_text).collect())
}

fn arguments(input: &Value, path: &str) -> Value {
    match input["tool"].as_str().unwrap() {
        "write_file" => json!({"path": path, "content": input["content"]}),
        "edit_file" => json!({"path": path, "old": input["old"], "new": input["new"]}),
        "glob" => json!({"pattern": path}),
        "grep" => json!({"path": path, "pattern": input["pattern"].as_str().unwrap_or("CANARY|root")}),
        _ => json!({"path": path}),
    }
}

/// Puts something inside at `at`: a link, or a directory with a link outside beside it to exchange it with. It must
/// stand there before anybody writes below it, or the writer makes it a directory.
fn set_the_swap(at: &Path, inside: &Path, outside: &Path, exchange: bool) {
    if exchange {
        fs::create_dir_all(at).unwrap();
        fs::write(at.join("k.txt"), "inside").unwrap();
        symlink(outside, at.with_extension("spare")).unwrap();
    } else {
        symlink(inside, at).unwrap();
    }
}

/// Swaps what stands at `at` between something inside and something outside until told to stop.
fn swap(at: &Path, inside: &Path, outside: &Path, exchange: bool, stop: &AtomicBool) {
    let spare = at.with_extension("spare");
    let mut turn = false;
    while !stop.load(Ordering::Relaxed) {
        if exchange {
            renameat_with(CWD, at, CWD, &spare, RenameFlags::EXCHANGE).unwrap();
        } else {
            turn = !turn;
            symlink(if turn { inside } else { outside }, &spare).unwrap();
            fs::rename(&spare, at).unwrap();
        }
    }
}

#[tokio::test]
async fn every_entry_of_the_corpus_holds() {
    let Some(corpus) = corpus("paths.json") else { return };
    let (mut run, mut skipped) = (0, Vec::new());
    for entry in corpus["entries"].as_array().unwrap() {
        let (id, input) = (entry["id"].as_str().unwrap(), &entry["input"]);
        for exchange in [false, true] {
            let mut scene = Scene::new();
            input["setup"].as_array().unwrap().iter().for_each(|step| scene.set_up(step));
            if exchange && scene.races.is_empty() {
                continue;
            }
            let Some(tool) = scene.tool(input["tool"].as_str().unwrap()) else {
                skipped.push(input["tool"].as_str().unwrap());
                continue;
            };
            run += 1;
            let args = arguments(input, &scene.path(&input["path"]));
            let before = scene.outside();
            let stop = AtomicBool::new(false);
            let races = scene.races.clone();
            std::thread::scope(|threads| {
                for (at, inside, outside) in &races {
                    set_the_swap(at, inside, outside, exchange);
                    threads.spawn(|| swap(at, inside, outside, exchange, &stop));
                }
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let times = if races.is_empty() { 1 } else { 200 };
                let worker = threads.spawn(move || {
                    for _ in 0..times {
                        let result = runtime.block_on(call(&tool, &args));
                        judge(id, &entry["expect"], &result);
                    }
                });
                let done = worker.join();
                stop.store(true, Ordering::Relaxed);
                done.unwrap();
            });
            assert_eq!(scene.outside(), before, "{id}: outside has changed");
        }
    }
    println!("{run} runs, skipped for tools that are not here: {skipped:?}");
    assert!(run > 0);
}

fn judge(id: &str, expect: &Value, result: &Result<String, ToolError>) {
    let shown = match result {
        Ok(text) => text.clone(),
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains(CANARY), "{id}: the canary came out");
    let class = result.as_ref().map_or_else(ToolError::class, |_| "ok");
    match expect["verdict"].as_str().unwrap() {
        "deny" => assert_eq!(class, "path_outside", "{id}: {shown}"),
        "error" => assert_eq!(class, expect["class"].as_str().unwrap(), "{id}: {shown}"),
        "allow" => assert_eq!(class, "ok", "{id}: {shown}"),
        _ => {}
    }
}

#[test]
fn three_thousand_reads_against_a_swapping_process_give_no_canary() {
    for exchange in [false, true] {
        let scene = Scene::new();
        fs::create_dir(scene.ws.join("real")).unwrap();
        fs::write(scene.ws.join("real/k.txt"), "inside").unwrap();
        fs::create_dir(scene.outside.join("d")).unwrap();
        fs::write(scene.outside.join("d/k.txt"), CANARY).unwrap();
        let stop = AtomicBool::new(false);
        let at = scene.ws.join("race");
        let (inside, outside) = (PathBuf::from("real"), scene.outside.join("d"));
        let mut outcomes = std::collections::BTreeMap::new();
        std::thread::scope(|threads| {
            set_the_swap(&at, &inside, &outside, exchange);
            threads.spawn(|| swap(&at, &inside, &outside, exchange, &stop));
            let tools = ["read_file", "grep", "list_dir", "glob"].map(|name| scene.tool(name).unwrap());
            let args = [
                json!({"path": "race/k.txt"}),
                json!({"path": "race", "pattern": "."}),
                json!({"path": "race"}),
                json!({"pattern": "race/*"}),
            ];
            let worker = threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let mut outcomes = std::collections::BTreeMap::new();
                for round in 0..3000 {
                    // Mostly reads; the others look into the same directory.
                    let which = if round % 10 < 7 { 0 } else { round % 10 - 6 };
                    let result = runtime.block_on(call(&tools[which], &args[which]));
                    let shown = result.as_ref().map_or_else(ToString::to_string, Clone::clone);
                    assert!(!shown.contains(CANARY), "round {round}: {shown}");
                    *outcomes.entry(result.map_or_else(|error| error.class(), |_| "ok")).or_insert(0) += 1;
                }
                outcomes
            });
            let done = worker.join();
            stop.store(true, Ordering::Relaxed);
            outcomes = done.unwrap();
        });
        println!("exchange {exchange}: {outcomes:?}");
        assert!(outcomes.contains_key("ok"), "some reads found the inside");
    }
}
