//! Many chats, a gateway that is killed again and again at any moment, and the reckoning in the end.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use servers::{ModelServer, TempHome};

use crate::crowd::{Crowd, Reckoning, dead_marks, whole};
use crate::gateway::Gateway;
use crate::look::dead_letters;
use crate::platform::{Discord, Email, Platform, Slack, Socket, Telegram, tables};
use crate::process::run;
use crate::remains::{InFlight, Remains, idle};
use crate::setup::Setup;
use crate::talk::{Want, checking_script};
use crate::wait::until;

/// The pause between two messages: 20 a second.
const PACE: Duration = Duration::from_millis(50);
/// How long a gateway lives: up to so many paces.
const LONGEST_LIFE: u64 = 44;
/// Fewer messages than this come together at the end of a life.
const BURST: u64 = 10;
/// They are worked on for less than so many milliseconds.
const LAST_MOMENT: u64 = 60;
/// After the last kill so many looks may pass without a new answer.
const PATIENT_LOOKS: usize = 240;
/// So many looks with nothing to do in a row: nothing will come any more.
const IDLE_LOOKS: usize = 14;
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How often to kill.
    pub kills: usize,
    /// What the moments of the kills and the messages come from.
    pub seed: u64,
    /// A kind of channel, or `all`.
    pub channel: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The count.
    pub reckoning: Reckoning,
    /// Kills before the gateway was ready.
    pub early: usize,
    /// Why there were dead letters, and how many for each reason; then they were tried again.
    pub why_dead: BTreeMap<String, usize>,
    /// The database afterwards.
    pub remains: Remains,
    /// What must not be.
    pub violations: Vec<String>,
}

/// Numbers that look random and depend on the seed alone (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }

    fn chat(&mut self, chats: usize) -> usize {
        usize::try_from(self.below(chats as u64)).unwrap_or_default()
    }

    /// Three in ten use a tool; some are slow enough to be shown while they are written.
    fn want(&mut self) -> Want {
        match self.below(100) {
            0..30 => Want::Tool,
            30..33 => Want::Slow,
            _ => Want::Text,
        }
    }
}

/// The platforms of a run with their numbers of chats.
struct World {
    telegram: Option<Telegram>,
    discord: Option<Discord>,
    slack: Option<Slack>,
    email: Option<Email>,
    socket: Option<Socket>,
}

impl World {
    /// # Errors
    /// When there is no such channel, or nothing to run it with.
    fn of(channel: &str) -> Result<Self, String> {
        let wants = |kind: &str| channel == "all" || channel == kind;
        let world = Self {
            telegram: wants("telegram").then(Telegram::start),
            discord: wants("discord").then(Discord::start),
            slack: wants("slack").then(Slack::start),
            email: if wants("email") { Email::start() } else { None },
            socket: wants("websocket").then(Socket::new),
        };
        if world.platforms().is_empty() {
            return Err(format!(
                "no channel {channel:?} here: telegram, discord, slack, email, websocket, all"
            ));
        }
        Ok(world)
    }

    fn platforms(&self) -> Vec<&dyn Platform> {
        fn seen(platform: &Option<impl Platform>) -> Option<&dyn Platform> {
            platform.as_ref().map(|platform| platform as &dyn Platform)
        }
        let all = [
            seen(&self.telegram),
            seen(&self.discord),
            seen(&self.slack),
            seen(&self.email),
            seen(&self.socket),
        ];
        all.into_iter().flatten().collect()
    }

    /// 50 chats together. A WebSocket client may say one message a second, and mail is slow.
    fn crowd(&self) -> Crowd<'_> {
        let platforms = self.platforms();
        let alone = platforms.len() == 1;
        Crowd::with(platforms.into_iter().map(|platform| {
            let share = match platform.kind() {
                _ if alone => 50,
                "telegram" => 26,
                "email" => 4,
                "websocket" => 2,
                _ => 9,
            };
            (platform, share)
        }))
    }
}

/// Runs it; `say` is told how far it is.
///
/// # Errors
/// When there is no such channel.
///
/// # Panics
/// When the gateway does not start, or not answer a first greeting.
pub fn soak(options: &Options, mut say: impl FnMut(&str)) -> Result<Outcome, String> {
    let world = World::of(&options.channel)?;
    let platforms = world.platforms();
    let home = TempHome::new();
    let invalid = Arc::new(Mutex::new(Vec::new()));
    let server = ModelServer::start(checking_script(&home.ledger(), &invalid));
    home.write("factotum/config.toml", Setup::of(&server).exec().more(&tables(&platforms)).text());
    let mut crowd = world.crowd();
    let mut numbers = Numbers(options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);

    greet(&home, &platforms, &mut crowd);
    let (mut in_flight, mut early) = (InFlight::default(), 0);
    for kill in 1..=options.kills {
        let gateway = Gateway::launch(&home, None);
        let mut followed = false;
        for _ in 0..numbers.below(LONGEST_LIFE) {
            let (chat, want) = (numbers.chat(crowd.chats()), numbers.want());
            crowd.say(chat, want);
            if !followed && gateway.status().is_some_and(|status| status["http"].is_string()) {
                followed = true;
                platforms.iter().for_each(|platform| platform.follow(&gateway));
            }
            std::thread::sleep(PACE);
        }
        // A gateway that has nothing to do is killed easily: some people write at once, and then it dies.
        for _ in 0..numbers.below(BURST) {
            let (chat, want) = (numbers.chat(crowd.chats()), numbers.want());
            crowd.say(chat, want);
        }
        std::thread::sleep(Duration::from_millis(numbers.below(LAST_MOMENT)));
        let ready = gateway.status().is_some_and(|status| status["ready"] == true);
        early += usize::from(!ready);
        if !gateway.lives() {
            let ended = gateway.wait();
            return Err(format!("the gateway ended by itself: {ended:#}"));
        }
        gateway.kill9();
        in_flight.add(InFlight::of(&home));
        if kill % 10 == 0 {
            server.forget_requests();
            say(&format!("{kill} kills, {} messages", crowd.said()));
        }
    }
    say("draining");
    let mut violations = drain(&home, &platforms, || crowd.unanswered().len());
    let remains = Remains::of(&home);
    let mut reckoning = crowd.reckon(&in_flight, &home.ledger().lines(), &dead_marks(&home));
    crowd.set_told_apart(&mut reckoning, &remains.given_up);
    violations.extend(reckoning.violations());
    violations.extend(remains.damage.iter().map(|what| format!("the database: {what}")));
    violations.extend(remains.foreign.iter().map(|what| format!("foreign canaries in a history: {what}")));
    if catch_unwind(AssertUnwindSafe(|| whole(&home))).is_err() {
        violations.push("the database is not whole, or something still waits or runs: see above".into());
    }
    let invalid = invalid.lock();
    if let Some(first) = invalid.first() {
        violations.push(format!("{} requests that no provider takes, such as {first}", invalid.len()));
    }
    let letters = dead_letters(&home);
    let mut why_dead = BTreeMap::new();
    for letter in &letters {
        *why_dead.entry(letter["error"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    if !letters.is_empty() {
        say("trying the dead letters again");
        let ids = letters.iter().filter_map(|letter| letter["id"].as_str());
        run(home.command().args(["dead-letters", "retry"]).args(ids)).ends(0);
        let open = || {
            let unanswered = crowd.unanswered();
            reckoning.dead.iter().filter(|mark| unanswered.contains(mark)).count()
        };
        violations.extend(drain(&home, &platforms, open));
        if open() > 0 {
            violations.push(format!("{} dead letters stayed without an answer", open()));
        }
    }
    Ok(Outcome { reckoning, early, why_dead, remains, violations })
}

/// Every chat says something once and is answered, so that every platform knows every chat.
fn greet(home: &TempHome, platforms: &[&dyn Platform], crowd: &mut Crowd<'_>) {
    let first = Gateway::start(home);
    platforms.iter().for_each(|platform| platform.follow(&first));
    (0..crowd.chats()).for_each(|chat| drop(crowd.say(chat, Want::Text)));
    crowd.wait_answers();
    first.stop();
}

/// Lets a gateway answer what is `open`, until it has nothing more to do or does not go on. Nobody kills it.
fn drain(home: &TempHome, platforms: &[&dyn Platform], open: impl Fn() -> usize) -> Vec<String> {
    let last = Gateway::start(home);
    platforms.iter().for_each(|platform| platform.follow(&last));
    let (mut before, mut looks, mut idle_looks) = (open(), 0, 0);
    while before > 0 && looks < PATIENT_LOOKS && idle_looks < IDLE_LOOKS {
        std::thread::sleep(LOOK);
        let now = open();
        looks = if now < before { 0 } else { looks + 1 };
        let rests = now == before && last.all_connected() && idle(home);
        idle_looks = if rests { idle_looks + 1 } else { 0 };
        before = now;
    }
    last.signal("TERM");
    until("the end of the last gateway", || (!last.lives()).then_some(()));
    let ended = last.wait();
    if ended.code == Some(0) {
        Vec::new()
    } else {
        vec![format!("the last gateway did not end well: {ended}")]
    }
}
