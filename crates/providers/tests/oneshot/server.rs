//! A server that answers each request as a function of it, and records what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use serde_json::{Value, json};

/// A request: its path, its key, and its body, which is JSON.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn ok(mime: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: format!("content-type: {mime}\r\n"), body: body.into() }
    }

    pub(crate) fn error(status: u16, message: &str) -> Self {
        let body = json!({"error": {"message": message}}).to_string().into_bytes();
        Self { status, headers: "content-type: application/json\r\n".into(), body }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push_str(&format!("retry-after: {seconds}\r\n"));
        self
    }
}

type Answer = dyn Fn(&Asked) -> Said + Send + Sync;

/// Listens on `127.0.0.1` until it is dropped.
pub(crate) struct Server {
    pub(crate) base_url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (asked, over) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(AtomicBool::new(false)));
        let (log, stop, answer): (_, _, Arc<Answer>) = (asked.clone(), over.clone(), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), &log, answer.as_ref());
            }
        });
        Self { base_url, asked, over, thread: Some(thread) }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread up; were it gone already, nothing is to be woken.
        let address = self.base_url.trim_start_matches("http://").trim_end_matches("/v1");
        drop(TcpStream::connect(address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One request for each connection.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split_whitespace().nth(1).unwrap_or("").to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.trim().split_once(':').unwrap_or(("", ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let asked = Asked { path, authorization, body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let Said { status, headers, body } = answer(&asked);
    log.lock().unwrap().push(asked);
    let head = format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A client that goes away early has seen enough.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
}
