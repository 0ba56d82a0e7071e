//! Fresh processes.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::Setting;
use crate::embedded::{Durability, home};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, childrens_peak, fsync};
use crate::model_server::ModelServer;

/// `factotum --version` beside `/bin/true`.
pub(crate) fn version(setting: &Setting) -> Result<Vec<Figure>> {
    let (mut version, mut nothing) = (Samples::default(), Samples::default());
    for round in 0..setting.count + 3 {
        let ours = until_end(Command::new(&setting.binary).arg("--version"))?;
        let true_ = until_end(&mut Command::new("/bin/true"))?;
        // The first ones read the files from the disk.
        if round >= 3 {
            version.add(ours.exit);
            nothing.add(true_.exit);
        }
    }
    let figure = Figure::millis(format!("`factotum --version`, {} processes", version.len()), &version);
    Ok(vec![figure.beside("/bin/true", nothing.median()).goal(Goal::AtMost(3.0))])
}

/// `factotum agent -m` in a data directory that is in use already.
pub(crate) fn agent(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let mut figures = Vec::new();
    for durability in [Durability::Power, Durability::Process] {
        let home = home(&setting.dir, server.base_url(), durability)?;
        let (mut printed, mut ended) = (Samples::default(), Samples::default());
        let mut disk = fsync(&setting.dir, 50)?;
        for round in 0..setting.count + 3 {
            let took = until_end(&mut say(&setting.binary, home.path()))?;
            ensure!(
                took.output.contains(servers::quick::TEXT),
                "`agent -m` printed {:?} instead of the answer",
                took.output
            );
            if round >= 3 {
                printed.add(took.last_byte);
                ended.add(took.exit);
            }
        }
        disk.append(&fsync(&setting.dir, 50)?);
        let (word, disk) = (durability.word(), 2.0 * disk.median());
        let what = format!("`agent -m` at `{word}` until the last byte, {} processes", printed.len());
        let note = format!(
            "until it has exited: {:.2} ms; slowest tenth: {:.2} ms",
            ended.median(),
            printed.percentile(90)
        );
        let figure = Figure::millis(what, &printed).beside("2 x fsync p50", disk).note(note);
        figures.push(match durability {
            Durability::Power => figure.goal(Goal::AtMost(disk + 12.0)),
            Durability::Process => figure.goal(Goal::AtMost(12.0)),
        });
    }
    // The model server has not been waited for yet, so these are the assistants.
    let figure = Figure::new("peak memory (RSS) of `agent -m`", "MiB", childrens_peak()?);
    figures.push(figure.goal(Goal::AtMost(16.0)));
    Ok(figures)
}

fn say(binary: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["agent", "-m", "Hello there, how are you today?"]);
    command.env_clear().env("FACTOTUM_HOME", home).env("HOME", home);
    command
}

/// What a process printed, and when.
struct Took {
    last_byte: Duration,
    exit: Duration,
    output: String,
}

/// Runs a command that must succeed; both times count from before its start.
fn until_end(command: &mut Command) -> Result<Took> {
    let name = command.get_program().to_string_lossy().into_owned();
    let watch = Stopwatch::start();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let mut stdout = child.stdout.take().context("its output is a pipe")?;
    let (mut output, mut buffer) = (Vec::new(), [0; 4096]);
    let mut last_byte = Duration::ZERO;
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            read => {
                last_byte = watch.elapsed();
                output.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
        }
    }
    let status = child.wait()?;
    let exit = watch.elapsed();
    let output = String::from_utf8_lossy(&output).into_owned();
    ensure!(status.success(), "{name} ended with {status} and printed {output:?}");
    Ok(Took { last_byte, exit, output })
}
