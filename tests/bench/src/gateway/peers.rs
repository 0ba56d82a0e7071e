//! One peer for each kind of channel.

use servers::discord::FakeDiscord;
use servers::mail::{Dovecot, PASSWORD, SmtpServer, USER};
use servers::slack::{APP_TOKEN, BOT_TOKEN, FakeSlack};
use servers::telegram::FakeTelegram;

/// Peers of five channels; four on a machine without dovecot. WebSocket clients come to the gateway by themselves.
pub(super) struct Peers {
    telegram: FakeTelegram,
    discord: FakeDiscord,
    slack: FakeSlack,
    mail: Option<(Dovecot, SmtpServer)>,
}

impl Peers {
    pub(super) fn start() -> Self {
        Self {
            telegram: FakeTelegram::start(),
            discord: FakeDiscord::start(),
            slack: FakeSlack::start(),
            mail: Dovecot::start().map(|dovecot| (dovecot, SmtpServer::start())),
        }
    }

    /// The kinds of the channels that connect to them. WebSocket connects to nothing and is not among them.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = vec!["telegram", "discord", "slack"];
        kinds.extend(self.mail.is_some().then_some("email"));
        kinds
    }

    /// The sections of their channels.
    pub(super) fn channels(&self) -> String {
        let mut text = super::telegram(&self.telegram, 1);
        text += &format!(
            "[channels.discord]\nenabled = true\ntoken = \"{}\"\napi_url = \"{}\"\nallow = [\"1000\"]\n\n",
            self.discord.token(),
            self.discord.url()
        );
        text += &format!(
            "[channels.slack]\nenabled = true\nbot_token = \"{BOT_TOKEN}\"\napp_token = \"{APP_TOKEN}\"\n\
             api_url = \"{}\"\nallow = [\"U0000\"]\n\n",
            self.slack.api_url()
        );
        text += "[channels.websocket]\nenabled = true\n\n";
        if let Some((dovecot, smtp)) = &self.mail {
            text += &format!(
                "[channels.email]\nenabled = true\nconsent = true\naddress = \"{USER}\"\nimap_host = \"127.0.0.1\"\n\
                 imap_port = {}\nimap_tls = \"none\"\nimap_password = \"{PASSWORD}\"\nsmtp_host = \"127.0.0.1\"\n\
                 smtp_port = {}\nsmtp_tls = \"none\"\nauthserv_id = \"mx.test.local\"\nallow = [\"me@test.local\"]\n\n",
                dovecot.port(),
                smtp.port()
            );
        }
        text
    }
}
