//! One SMTP connection.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::smtp::{Fault, Shared, TakenMail};

/// Serves one client to its end.
pub(super) async fn session(shared: Arc<Shared>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = Client { stream: BufReader::new(stream) };
    client.say("220 mx.test.local ESMTP tests").await?;
    let mut user = None;
    let mut mail: Option<(TakenMail, Fault)> = None;
    while let Some(line) = client.line().await? {
        let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => client.say("250-mx.test.local\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN").await?,
            "AUTH" => user = authenticate(&shared, &mut client, rest).await?,
            "MAIL" if user.is_none() => client.say("530 5.7.0 authentication required").await?,
            "MAIL" => {
                let fault = shared.faults.lock().pop_front().unwrap_or(Fault::Take);
                if let Fault::Sender(reply) = fault {
                    client.say(reply).await?;
                    continue;
                }
                let from = address(rest);
                mail = Some((
                    TakenMail { from, to: Vec::new(), data: String::new(), user: user.clone() },
                    fault,
                ));
                client.say("250 2.1.0 fine").await?;
            }
            "RCPT" => match &mut mail {
                Some((_, Fault::Recipient(reply))) => {
                    let reply = *reply;
                    client.say(reply).await?;
                }
                Some((mail, _)) => {
                    mail.to.push(address(rest));
                    client.say("250 2.1.5 fine").await?;
                }
                None => client.say("503 5.5.1 whose mail?").await?,
            },
            "DATA" => match mail.take() {
                Some((mut mail, fault)) if !mail.to.is_empty() => {
                    client.say("354 go on").await?;
                    mail.data = client.content().await?;
                    shared.offered.lock().push(mail.clone());
                    if !content(&shared, &mut client, mail, fault).await? {
                        return Ok(());
                    }
                }
                _ => client.say("503 5.5.1 for whom?").await?,
            },
            "RSET" | "NOOP" => client.say("250 2.0.0 fine").await?,
            "QUIT" => return client.say("221 2.0.0 bye").await,
            _ => client.say("502 5.5.2 what?").await?,
        }
    }
    Ok(())
}

/// Whether the connection goes on.
async fn content(shared: &Shared, client: &mut Client, mail: TakenMail, fault: Fault) -> io::Result<bool> {
    if matches!(fault, Fault::Take | Fault::TakeAndCut | Fault::TakeAndHang) {
        shared.taken.lock().push(mail);
        shared.changed.notify_waiters();
    }
    match fault {
        Fault::Content(reply) => client.say(reply).await?,
        Fault::Cut | Fault::TakeAndCut => return Ok(false),
        Fault::TakeAndHang => std::future::pending().await,
        Fault::Take | Fault::Sender(_) | Fault::Recipient(_) => client.say("250 2.0.0 taken").await?,
    }
    Ok(true)
}

async fn authenticate(shared: &Shared, client: &mut Client, rest: &str) -> io::Result<Option<String>> {
    *shared.logins.lock() += 1;
    let scripted = *shared.login_reply.lock();
    if let Some(reply) = scripted {
        client.say(reply).await?;
        return Ok(None);
    }
    let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
    let (user, password) = if mechanism.eq_ignore_ascii_case("PLAIN") {
        let text = decode(initial);
        let mut fields = text.split('\0').skip(1).map(str::to_owned);
        (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
    } else {
        client.say("334 VXNlcm5hbWU6").await?;
        let user = decode(&client.line().await?.unwrap_or_default());
        client.say("334 UGFzc3dvcmQ6").await?;
        (user, decode(&client.line().await?.unwrap_or_default()))
    };
    if (&user, &password) == (&shared.login.0, &shared.login.1) {
        client.say("235 2.7.0 come in").await?;
        Ok(Some(user))
    } else {
        client.say("535 5.7.8 wrong name or password").await?;
        Ok(None)
    }
}

/// What stands between the angle brackets.
fn address(rest: &str) -> String {
    let inner = rest.split_once('<').map_or(rest, |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

/// Base64 without a crate for it: this is all that the tests need of it.
fn decode(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for value in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        bits = bits << 6 | u32::try_from(value).unwrap_or_default();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).unwrap_or_default());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn content(&mut self) -> io::Result<String> {
        let mut content = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                return Ok(String::from_utf8_lossy(&content).into_owned());
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}
