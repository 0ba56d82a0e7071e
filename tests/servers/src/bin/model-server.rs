//! A model server for benchmarks: `model-server --port 0` prints its base URL as the first line and answers until it is
//! ended.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "model-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let port = port(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let mut out = io::stdout();
        writeln!(out, "http://{}/v1", listener.local_addr()?)?;
        out.flush()?;
        servers::quick::serve(listener).await
    })
}

/// The port of `--port N` or `--port=N`; 0, which means any free one, without it.
fn port(mut arguments: impl Iterator<Item = String>) -> io::Result<u16> {
    let usage =
        || io::Error::new(io::ErrorKind::InvalidInput, "usage: model-server [--port N], N from 0 to 65535");
    let Some(first) = arguments.next() else { return Ok(0) };
    let value = match first.split_once('=') {
        Some(("--port", value)) => value.to_owned(),
        None if first == "--port" => arguments.next().ok_or_else(usage)?,
        _ => return Err(usage()),
    };
    match arguments.next() {
        None => value.parse().map_err(|_| usage()),
        Some(_) => Err(usage()),
    }
}
