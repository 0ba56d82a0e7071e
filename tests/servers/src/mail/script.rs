//! An IMAP server that says what a test wants, for what no real server does.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What the server does about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Sends these bytes, in which `{tag}` stands for the command's tag.
    Say(String),
    /// Sends these bytes and closes the connection.
    SayAndCut(String),
    /// Sends nothing and keeps the connection open.
    Hang,
}

type Answer = Box<dyn FnMut(&str) -> Act + Send>;

struct Shared {
    greeting: String,
    answer: Mutex<Answer>,
    commands: Mutex<Vec<String>>,
}

/// An IMAP server on `127.0.0.1` without TLS whose answers are a function of the command.
pub struct ImapScript {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ImapScript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImapScript").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ImapScript {
    /// Greets with this line and answers each command, given without its tag, with what `answer` makes of it.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start(greeting: &str, answer: impl FnMut(&str) -> Act + Send + 'static) -> Self {
        match Self::try_start(greeting, Box::new(answer)) {
            Ok(server) => server,
            Err(error) => panic!("the scripted IMAP server does not start: {error}"),
        }
    }

    fn try_start(greeting: &str, answer: Answer) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            greeting: greeting.to_owned(),
            answer: Mutex::new(answer),
            commands: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("imap-script".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The commands so far, without their tags, in order.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.shared.commands.lock().clone()
    }
}

impl Drop for ImapScript {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the panic would stand in the test's output already.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let shared = Arc::clone(&shared);
                open.spawn(async move { let _ = serve(&shared, stream).await; });
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(format!("{}\r\n", shared.greeting).as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let (tag, command) = line.trim_end().split_once(' ').unwrap_or(("", line.trim_end()));
        shared.commands.lock().push(command.to_owned());
        let act = (shared.answer.lock())(command);
        match act {
            Act::Say(text) => stream.get_mut().write_all(text.replace("{tag}", tag).as_bytes()).await?,
            Act::SayAndCut(text) => {
                return stream.get_mut().write_all(text.replace("{tag}", tag).as_bytes()).await;
            }
            Act::Hang => {}
        }
        line.clear();
    }
    Ok(())
}
