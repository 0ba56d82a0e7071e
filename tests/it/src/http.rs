//! One HTTP request, as a stranger makes it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Posts `body` over a connection of its own.
///
/// # Errors
/// What the connection says; `InvalidData` when no HTTP comes back.
pub fn post(addr: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    ask("POST", addr, path, headers, body)
}

/// Reads a page over a connection of its own.
///
/// # Errors
/// As [`post`].
pub fn get(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    ask("GET", addr, path, headers, "")
}

fn ask(
    method: &str,
    addr: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    Ok(Answer { status, body: body.to_owned() })
}
