//! A throw-away dovecot with one mailbox.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::maildir::Maildir;
use crate::free_port;

/// The one account.
pub const USER: &str = "bot@test.local";
/// Its password.
pub const PASSWORD: &str = "secret";

/// How long dovecot may take to come up or to go away; a fraction of a second is usual.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who dovecot runs as when the tests run as root: it refuses to serve mail to root.
const NOBODY: u32 = 65534;

/// A real dovecot on loopback with the mailbox of [`USER`], an `INBOX` and a `Sent` (`\Sent`).
///
/// Dropping it kills every process of it.
#[derive(Debug)]
pub struct Dovecot {
    // Declared before the directory: it is dropped first.
    child: Option<Running>,
    root: TempDir,
    port: u16,
    tls_port: u16,
    /// Whether the tests run as root, so that it must run as somebody else.
    as_nobody: bool,
}

impl Dovecot {
    /// Starts one that speaks plain IMAP, or says on standard error that the test is skipped, and returns `None`, where
    /// no dovecot is installed.
    ///
    /// # Panics
    /// When dovecot is installed and does not come up.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::installed().then(|| Self::must(false))
    }

    /// The same with TLS besides: implicit on [`Dovecot::tls_port`], STARTTLS on [`Dovecot::port`]. The certificate is
    /// [`Dovecot::certificate`].
    ///
    /// # Panics
    /// When dovecot is installed and does not come up, or `openssl` makes no certificate.
    #[must_use]
    pub fn with_tls() -> Option<Self> {
        Self::installed().then(|| Self::must(true))
    }

    #[expect(clippy::print_stderr, reason = "a skip must be seen")]
    fn installed() -> bool {
        let there = quiet(Command::new(program()).arg("--version")).is_ok();
        if !there {
            eprintln!("skipped: no dovecot here (apt-get install dovecot-imapd)");
        }
        there
    }

    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    fn must(tls: bool) -> Self {
        match Self::try_start(tls) {
            Ok(server) => server,
            Err(error) => panic!("dovecot does not start: {error}"),
        }
    }

    fn try_start(tls: bool) -> io::Result<Self> {
        // Short: the paths of UNIX sockets inside may have 107 bytes.
        let root = tempfile::Builder::new().prefix("dv").tempdir_in("/tmp")?;
        let (port, tls_port) = (free_port()?, free_port()?);
        let as_nobody = fs::metadata(root.path())?.uid() == 0;
        let mut server = Self { child: None, root, port, tls_port, as_nobody };
        let dir = server.root.path();
        for part in ["run", "state", "mail"] {
            fs::create_dir(dir.join(part))?;
        }
        fs::write(dir.join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n"))?;
        if tls {
            certificate(dir)?;
        }
        fs::write(dir.join("dovecot.conf"), configuration(dir, &who(dir)?, tls.then_some(tls_port), port))?;
        if as_nobody {
            give_away(dir)?;
        }
        server.run()?;
        Ok(server)
    }

    fn run(&mut self) -> io::Result<()> {
        let dir = self.root.path();
        let mut command = Command::new(program());
        command.arg("-F").arg("-c").arg(dir.join("dovecot.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that the workers can be killed with the master.
        command.process_group(0);
        if self.as_nobody {
            command.gid(NOBODY).uid(NOBODY);
        }
        let child = self.child.insert(Running(command.spawn()?));
        let port = self.port;
        let listens = wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        // Somebody else may listen there.
        if listens && child.0.try_wait()?.is_none() {
            return Ok(());
        }
        let log = fs::read_to_string(self.root.path().join("log")).unwrap_or_default();
        Err(io::Error::other(format!("it does not listen on port {port}; its log: {log}")))
    }

    /// The port of plain IMAP and STARTTLS.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of implicit TLS.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The certificate of [`Dovecot::with_tls`] (PEM), good for `127.0.0.1` and `localhost`.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.root.path().join("c.pem")
    }

    /// The inbox on disk.
    #[must_use]
    pub fn inbox(&self) -> Maildir {
        Maildir::at(self.mail())
    }

    /// The sent mail on disk.
    #[must_use]
    pub fn sent(&self) -> Maildir {
        Maildir::at(self.mail().join(".Sent"))
    }

    fn mail(&self) -> PathBuf {
        self.root.path().join("mail").join(USER)
    }

    /// Runs `doveadm` and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[expect(clippy::panic, reason = "a test whose set-up fails has nothing to say")]
    pub fn doveadm(&self, args: &[&str]) -> String {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.root.path().join("dovecot.conf")).args(args);
        match command.output() {
            Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).into_owned(),
            Ok(out) => panic!("doveadm {args:?}: {}", String::from_utf8_lossy(&out.stderr)),
            Err(error) => panic!("doveadm {args:?}: {error}"),
        }
    }

    /// Throws every session of the account out (`* BYE`).
    pub fn kick(&self) {
        self.doveadm(&["kick", USER]);
    }

    /// Kills the master: nobody can log in any more, and who idles sees nothing of it.
    pub fn kill_master(&mut self) {
        if let Some(Running(child)) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills all of it at once.
    pub fn kill(&mut self) {
        self.child = None;
    }

    /// Starts it again, on the same port and with the same mail, after [`Dovecot::kill`].
    ///
    /// # Panics
    /// When it does not come up.
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start_again(&mut self) {
        self.child = None;
        // The pid file of a killed master stops the next one.
        let _ = fs::remove_file(self.root.path().join("run/master.pid"));
        if let Err(error) = self.run() {
            panic!("dovecot does not start again: {error}");
        }
    }

    /// Gives the inbox another UIDVALIDITY and every mail in it another UID, as a restored backup does.
    ///
    /// # Panics
    /// When dovecot does not come up again.
    pub fn renumber(&mut self, uid_validity: u32) {
        self.kill();
        let mail = self.mail();
        let entries = fs::read_dir(&mail).into_iter().flatten().flatten();
        for name in entries.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            if name.starts_with("dovecot.index") || name.starts_with("dovecot-uidlist") {
                let _ = fs::remove_file(mail.join(name));
            }
        }
        let list = mail.join("dovecot-uidlist");
        let _ = fs::write(&list, format!("3 V{uid_validity} N1\n"));
        let _ = self.own(&list);
        self.start_again();
    }

    fn own(&self, path: &Path) -> io::Result<()> {
        if self.as_nobody { chown(path, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
    }
}

/// The master and, through its process group, all workers.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = quiet(Command::new("kill").args(["-9", "--", &group]));
        let _ = self.0.wait();
    }
}

fn configuration(dir: &Path, (user, group, uid, gid): &Owner, tls: Option<u16>, port: u16) -> String {
    let d = dir.display();
    let (ssl, imaps) = match tls {
        Some(tls_port) => (
            format!("ssl = yes\nssl_cert = <{d}/c.pem\nssl_key = <{d}/k.pem"),
            format!("address = 127.0.0.1\n    port = {tls_port}\n    ssl = yes"),
        ),
        None => ("ssl = no".to_owned(), "port = 0".to_owned()),
    };
    format!(
        "protocols = imap
listen = 127.0.0.1
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/log
{ssl}
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{d}/mail/%u
mailbox_idle_check_interval = 1 secs
auth_failure_delay = 0
mail_max_userip_connections = 100
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {d}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={d}/mail/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    {imaps}
  }}
}}
"
    )
}

/// User and group, by name and by number.
type Owner = (String, String, u32, u32);

fn who(ours: &Path) -> io::Result<Owner> {
    let meta = fs::metadata(ours)?;
    let (uid, gid) = if meta.uid() == 0 { (NOBODY, NOBODY) } else { (meta.uid(), meta.gid()) };
    let name = |database: &str, id: u32| {
        let out = Command::new("getent").args([database, &id.to_string()]).output()?;
        let line = String::from_utf8_lossy(&out.stdout).into_owned();
        Ok::<_, io::Error>(line.split(':').next().unwrap_or_default().to_owned())
    };
    Ok((name("passwd", uid)?, name("group", gid)?, uid, gid))
}

fn give_away(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
    }
    chown(dir, Some(NOBODY), Some(NOBODY))
}

fn certificate(dir: &Path) -> io::Result<()> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    command.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(dir.join("k.pem")).arg("-out").arg(dir.join("c.pem"));
    quiet(&mut command)
}

fn quiet(command: &mut Command) -> io::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

/// An ordinary user's search path may leave out where Debian puts it.
fn program() -> &'static str {
    const DEBIAN: &str = "/usr/sbin/dovecot";
    if Path::new(DEBIAN).exists() { DEBIAN } else { "dovecot" }
}

/// Asks until it is true; false when [`PATIENCE`] has passed.
pub(super) fn wait(mut there: impl FnMut() -> bool) -> bool {
    const STEP: Duration = Duration::from_millis(10);
    let mut left = PATIENCE;
    while !there() {
        if left < STEP {
            return false;
        }
        left -= STEP;
        std::thread::sleep(STEP);
    }
    true
}
