//! `cargo xtask bench`: how fast and how small it is, each figure beside a reference of the same run.
//!
//! The measuring itself is in `tests/bench`, a program that runs once for each benchmark, so that no benchmark warms the
//! caches or fills the memory of the next. Here are the list, the builds, and the table.

mod build_times;
mod figure;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use self::figure::Figure;
use crate::report::Verdict;
use crate::shell::{Shell, Stopwatch};

/// What one can ask for.
struct Benchmark {
    name: &'static str,
    about: &'static str,
    /// What its count means is its own; the second one is for `--full`.
    count: usize,
    full: usize,
}

impl Benchmark {
    /// Whether it is the one of this name, or one of the group: `gateway` is all that begin with `gateway-`.
    fn belongs_to(&self, wanted: &str) -> bool {
        self.name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// In the order in which they run.
const BENCHMARKS: &[Benchmark] = &[
    Benchmark { name: "fsync", about: "what the disk takes by itself", count: 200, full: 200 },
    Benchmark { name: "size", about: "the stripped release binary", count: 0, full: 0 },
    Benchmark { name: "version", about: "`factotum --version`", count: 50, full: 50 },
    Benchmark { name: "agent", about: "`agent -m` in a fresh process", count: 30, full: 100 },
    Benchmark { name: "turn", about: "a turn in a running process", count: 300, full: 1_000 },
    Benchmark { name: "sessions", about: "64 sessions at once: turns/s, CPU", count: 30, full: 60 },
    Benchmark { name: "memory", about: "memory after 500 turns over 64 sessions", count: 500, full: 500 },
    Benchmark { name: "memory-turns", about: "2,000 turns in a small window", count: 2_000, full: 2_000 },
    Benchmark {
        name: "context",
        about: "what a model reads of a long history",
        count: 100_000,
        full: 1_000_000,
    },
    Benchmark { name: "growth", about: "turn 500 against turn 10", count: 6, full: 12 },
    Benchmark { name: "request", about: "the first request's size", count: 0, full: 0 },
    Benchmark { name: "window", about: "a window of a long history", count: 100_000, full: 1_000_000 },
    Benchmark { name: "recall", about: "search and taking up", count: 200_000, full: 1_000_000 },
    Benchmark { name: "recall-vectors", about: "search by meaning", count: 0, full: 0 },
    Benchmark { name: "provider", about: "a model call beside a bare client", count: 200, full: 1_000 },
    Benchmark { name: "prompt-cache", about: "what a vendor can cache of 50 turns", count: 50, full: 200 },
    Benchmark { name: "gateway-idle", about: "five channels on: start, memory, CPU", count: 30, full: 120 },
    Benchmark { name: "gateway-reply", about: "20 messages/s over 50 chats", count: 600, full: 6_000 },
    Benchmark {
        name: "gateway-crowd",
        about: "64 chats, each as fast as it is answered",
        count: 5_000,
        full: 20_000,
    },
    Benchmark { name: "gateway-backlog", about: "10,000 messages waiting after a kill", count: 5, full: 15 },
    Benchmark { name: "agents", about: "1,000 agents in flight: memory", count: 1_000, full: 1_000 },
    Benchmark { name: "jobs-tick", about: "a look among 100,000 jobs", count: 100_000, full: 100_000 },
    Benchmark { name: "jobs-gateway", about: "200 jobs/s, and 100,000 that wait", count: 30, full: 120 },
    Benchmark {
        name: "gateway-stop",
        about: "`/stop` under the load of gateway-reply",
        count: 100,
        full: 500,
    },
];

/// The names of all benchmarks with what they are, for the help.
pub(crate) fn list() -> String {
    BENCHMARKS.iter().map(|known| format!("            {:15} {}\n", known.name, known.about)).collect()
}

/// What the command line asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Empty means all.
    names: Vec<String>,
    json: bool,
    full: bool,
    build_times: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match *argument {
                "--json" => options.json = true,
                "--full" => options.full = true,
                "--build-times" => options.build_times = true,
                name if BENCHMARKS.iter().any(|known| known.belongs_to(name)) => {
                    options.names.push(name.to_owned());
                }
                other => {
                    let names: Vec<_> = BENCHMARKS.iter().map(|known| known.name).collect();
                    bail!(
                        "`{other}` is neither a benchmark ({}) nor --json, --full or --build-times",
                        names.join(", ")
                    )
                }
            }
        }
        Ok(options)
    }

    fn wants(&self, benchmark: &Benchmark) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| benchmark.belongs_to(wanted))
    }
}

/// Where the programs are that a benchmark needs.
struct Programs {
    factotum: PathBuf,
    load: PathBuf,
    server: PathBuf,
    /// On the disk that is measured.
    scratch: PathBuf,
}

/// Builds, measures, prints. A goal that is missed is said and fails nothing; `false` means that something could not be
/// measured.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<bool> {
    let programs = build(shell, options.json)?;
    let mut figures: Vec<(&'static str, Figure)> = Vec::new();
    let mut failed = Vec::new();
    for benchmark in BENCHMARKS.iter().filter(|benchmark| options.wants(benchmark)) {
        if !options.json {
            println!("{}: {} …", benchmark.name, benchmark.about);
        }
        match measure(shell, &programs, benchmark, options.full) {
            Ok(found) => figures.extend(found.into_iter().map(|figure| (benchmark.name, figure))),
            // The others still tell something.
            Err(error) => failed.push((benchmark.name, format!("{error:#}"))),
        }
    }
    if options.build_times {
        for figure in build_times::measure(shell, &programs.scratch)? {
            figures.push(("build", figure));
        }
    }
    if options.json {
        let rows: Vec<Value> = figures.iter().map(|(name, figure)| figure.json(name)).collect();
        let failed: Vec<Value> =
            failed.iter().map(|(name, why)| json!({ "name": name, "error": why })).collect();
        println!("{}", json!({ "figures": rows, "failed": failed }));
    } else {
        print!("\n{}", figure::table(&figures));
        for (name, why) in &failed {
            println!("  {name}: FAILED: {why}");
        }
    }
    Ok(failed.is_empty())
}

/// The binary as it is shipped, built alone with its own features; then the programs that measure it.
fn build(shell: &Shell, quiet: bool) -> Result<Programs> {
    for args in [
        &["build", "--release", "--package", "factotum"][..],
        &["build", "--release", "--package", "bench-load", "--package", "servers", "--bins"],
    ] {
        let built = if quiet {
            shell.read("cargo", &[args, &["--quiet"]].concat()).map(|_| Verdict::Passed)?
        } else {
            shell.show("cargo", args)?
        };
        if built != Verdict::Passed {
            bail!("`cargo {}`: {built}", args.join(" "));
        }
    }
    let metadata = shell.read("cargo", &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    let release = Path::new(target).join("release");
    let scratch = Path::new(target).join("bench");
    std::fs::create_dir_all(&scratch)?;
    let program = |name: &str| release.join(name);
    Ok(Programs {
        factotum: program("factotum"),
        load: program("bench-load"),
        server: program("model-server"),
        scratch,
    })
}

fn measure(shell: &Shell, programs: &Programs, benchmark: &Benchmark, full: bool) -> Result<Vec<Figure>> {
    if benchmark.name == "size" {
        let bytes = std::fs::metadata(&programs.factotum)?.len();
        return Ok(vec![Figure::binary_size(bytes)]);
    }
    let count = if full { benchmark.full } else { benchmark.count };
    let watch = Stopwatch::start();
    let output = shell
        .command(&programs.load.to_string_lossy(), &[benchmark.name])
        .arg(&programs.scratch)
        .arg(&programs.factotum)
        .arg(&programs.server)
        .arg(count.to_string())
        .output()
        .with_context(|| format!("{} cannot be started", programs.load.display()))?;
    let text = String::from_utf8(output.stdout).context("the figures are no text")?;
    let figures = text.lines().map(Figure::parse).collect::<Result<Vec<_>>>()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "ended with {} after {:.1} s: {}",
            output.status,
            watch.elapsed().as_secs_f64(),
            said.trim_end()
        );
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_and_an_unknown_one_is_answered_with_all() {
        let wanted = |arguments: &[&str]| {
            let options = Options::parse(arguments).unwrap();
            let wanted = BENCHMARKS.iter().filter(|known| options.wants(known));
            wanted.map(|known| known.name).collect::<Vec<_>>()
        };
        assert_eq!(wanted(&["turn", "--json"]), ["turn"]);
        assert!(Options::parse(&["turn", "--json"]).unwrap().json);
        assert_eq!(wanted(&[]).len(), BENCHMARKS.len());
        assert_eq!(wanted(&["gateway-stop"]), ["gateway-stop"]);
        assert!(wanted(&["gateway"]).iter().all(|name| name.starts_with("gateway-")));
        assert!(wanted(&["gateway"]).len() > 1);
        let error = Options::parse(&["turns"]).unwrap_err().to_string();
        assert!(error.contains("`turns`") && error.contains("turn, sessions"), "{error}");
    }
}
