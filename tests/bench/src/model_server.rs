//! The model server in a process of its own, and what a bare exchange with it takes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::figure::Samples;
use crate::machine::{Stopwatch, cpu_of};

/// Nothing on this machine may take longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running model server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct ModelServer {
    child: Child,
    base_url: String,
}

impl ModelServer {
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut base_url = String::new();
        let stdout = child.stdout.take().context("its output is a pipe")?;
        let server = Self { child, base_url: String::new() };
        BufReader::new(stdout).read_line(&mut base_url)?;
        Ok(Self::named(server, base_url.trim()))
    }

    fn named(mut self, base_url: &str) -> Self {
        base_url.clone_into(&mut self.base_url);
        self
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// CPU it has used, in milliseconds. It has one thread.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu_of(self.child.id())
    }

    /// What a client that does nothing else takes for a request with a history of `messages`, over a connection that
    /// stays open.
    pub(crate) fn bare_exchange(&self, messages: usize, times: usize) -> Result<Samples> {
        let address = self.base_url.trim_start_matches("http://").trim_end_matches("/v1");
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = request(address, messages);
        let mut samples = Samples::default();
        for _ in 0..times {
            let watch = Stopwatch::start();
            stream.write_all(&request)?;
            read_to_done(&mut stream)?;
            samples.add(watch.elapsed());
        }
        Ok(samples)
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// About the bytes that the assistant sends: messages, and tools that weigh ten thousand bytes.
fn request(address: &str, messages: usize) -> Vec<u8> {
    let role = |n: usize| if n.is_multiple_of(2) { "user" } else { "assistant" };
    let messages: Vec<_> =
        (0..=messages).map(|n| json!({ "role": role(n), "content": servers::quick::TEXT })).collect();
    let tools =
        json!([{ "type": "function", "function": { "name": "x", "description": "d".repeat(10_000) } }]);
    let body = json!({ "model": "quick", "messages": messages, "tools": tools, "stream": true }).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

fn read_to_done(stream: &mut TcpStream) -> Result<()> {
    let mut reply = Vec::with_capacity(4096);
    let mut buffer = [0; 4096];
    while !reply.ends_with(b"data: [DONE]\n\n") {
        match stream.read(&mut buffer)? {
            0 => bail!("the model server closed the connection"),
            read => reply.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(())
}
