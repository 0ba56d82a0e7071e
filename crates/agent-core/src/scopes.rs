//! Which tools are on offer where, and under which other names they are called.
//!
//! Scopes only ever take away. A tool that is not on offer is not shown to the model, and a call of it is refused.

use std::collections::BTreeMap;

use session_api::{Purpose, Rank};

/// A rule that takes tools away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolScope {
    /// Its name in the configuration.
    pub name: String,
    /// The channels on which it holds; empty: all.
    pub channels: Vec<String>,
    /// The ranks for which it holds; empty: all.
    pub ranks: Vec<Rank>,
    /// What a run is for; empty: anything.
    pub phases: Vec<Purpose>,
    /// The profiles of agents for which it holds; empty: everybody, with a profile or without.
    pub profiles: Vec<String>,
    /// The only tools; `None`: all.
    pub only: Option<Vec<String>>,
    /// Tools that are left out.
    pub without: Vec<String>,
}

/// All scopes and aliases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolScopes {
    /// The scopes, by name. Each takes away what it takes away.
    pub scopes: Vec<ToolScope>,
    /// The real tool behind each other name.
    pub aliases: BTreeMap<String, String>,
}

/// Where a tool is to be used.
#[derive(Debug, Clone, Copy)]
pub struct ToolPlace<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The lowest rank of those who speak.
    pub rank: Rank,
    /// What the run is for.
    pub phase: Purpose,
    /// The profile of the agent that works; `None`: it has none, or it is no agent.
    pub profile: Option<&'a str>,
}

impl ToolScope {
    fn holds(&self, place: ToolPlace<'_>) -> bool {
        let fits = |empty: bool, found: bool| empty || found;
        fits(self.channels.is_empty(), self.channels.iter().any(|channel| channel == place.channel))
            && fits(self.ranks.is_empty(), self.ranks.contains(&place.rank))
            && fits(self.phases.is_empty(), self.phases.contains(&place.phase))
            && fits(self.profiles.is_empty(), self.profiles.iter().any(|name| place.profile == Some(name)))
    }

    fn takes(&self, tool: &str) -> bool {
        let listed = |names: &[String]| names.iter().any(|name| matches(name, tool));
        listed(&self.without) || self.only.as_ref().is_some_and(|only| !listed(only))
    }
}

/// Whether a name, which may end with `*`, means a tool.
fn matches(name: &str, tool: &str) -> bool {
    name.strip_suffix('*').map_or(name == tool, |start| tool.starts_with(start))
}

impl ToolScopes {
    /// The scope that takes a tool away there; `None`: it is on offer.
    #[must_use]
    pub fn taken_by(&self, tool: &str, place: ToolPlace<'_>) -> Option<&str> {
        let scope = self.scopes.iter().find(|scope| scope.takes(tool) && scope.holds(place));
        scope.map(|scope| scope.name.as_str())
    }

    /// The real name behind `name`, which may be that itself.
    #[must_use]
    pub fn real<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// What it says of tools that are not there, each in words: such a line does nothing.
    #[must_use]
    pub fn without_effect(&self, tools: &[&str]) -> Vec<String> {
        let known = |name: &str| tools.iter().any(|tool| matches(name, tool));
        let mut found = Vec::new();
        for (alias, tool) in &self.aliases {
            if known(alias) {
                found.push(format!("tools.aliases.{alias}: a tool has that name itself"));
            } else if !known(tool) {
                found.push(format!("tools.aliases.{alias}: there is no tool `{tool}`"));
            }
        }
        for scope in &self.scopes {
            for tool in scope.only.iter().flatten().chain(&scope.without).filter(|name| !known(name)) {
                found.push(format!("tools.scopes.{}: there is no tool `{tool}`", scope.name));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes() -> ToolScopes {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        ToolScopes {
            scopes: vec![
                ToolScope {
                    name: "guests".into(),
                    ranks: vec![Rank::Guest],
                    only: Some(names(&["calculate*"])),
                    ..ToolScope::default()
                },
                ToolScope {
                    name: "mail".into(),
                    channels: names(&["email"]),
                    phases: vec![Purpose::Chat],
                    without: names(&["exec"]),
                    ..ToolScope::default()
                },
                ToolScope {
                    name: "scouts".into(),
                    profiles: names(&["scout", "finder"]),
                    without: names(&["write_*"]),
                    ..ToolScope::default()
                },
            ],
            aliases: [("bash".to_owned(), "exec".to_owned())].into(),
        }
    }

    fn place(channel: &str, rank: Rank, phase: Purpose) -> ToolPlace<'_> {
        ToolPlace { channel, rank, phase, profile: None }
    }

    fn agent(profile: Option<&str>) -> ToolPlace<'_> {
        ToolPlace { profile, ..place("agent", Rank::Owner, Purpose::Subagent) }
    }

    #[test]
    fn a_scope_takes_away_where_it_holds() {
        let scopes = scopes();
        for (tool, at, expected) in [
            ("exec", place("telegram", Rank::Guest, Purpose::Chat), Some("guests")),
            ("calculate_expression", place("telegram", Rank::Guest, Purpose::Chat), None),
            ("exec", place("telegram", Rank::Owner, Purpose::Chat), None),
            ("exec", place("email", Rank::Owner, Purpose::Chat), Some("mail")),
            ("exec", place("email", Rank::Owner, Purpose::Heartbeat), None),
            ("read_file", place("email", Rank::Owner, Purpose::Chat), None),
            ("write_file", agent(Some("finder")), Some("scouts")),
            ("read_file", agent(Some("finder")), None),
            ("write_file", agent(Some("writer")), None),
            ("write_file", agent(None), None),
        ] {
            assert_eq!(scopes.taken_by(tool, at), expected, "{tool} {at:?}");
        }
        assert_eq!((scopes.real("bash"), scopes.real("exec"), scopes.real("x")), ("exec", "exec", "x"));
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let tools = ["calculate_expression", "bash"];
        assert_eq!(
            scopes().without_effect(&tools),
            [
                "tools.aliases.bash: a tool has that name itself",
                "tools.scopes.mail: there is no tool `exec`",
                "tools.scopes.scouts: there is no tool `write_*`"
            ]
        );
    }

    proptest! {
        /// One more scope never gives a tool back.
        #[test]
        fn more_scopes_never_offer_more(only in proptest::option::of("[a-c*]{1,2}"), without in "[a-c*]{1,2}", tool in "[a-c]{1,2}") {
            let at = place("cli", Rank::Owner, Purpose::Chat);
            let mut scopes = scopes();
            let before = scopes.taken_by(&tool, at).is_some();
            let only = only.map(|name| vec![name]);
            scopes.scopes.push(ToolScope { only, without: vec![without], ..ToolScope::default() });
            prop_assert!(!before || scopes.taken_by(&tool, at).is_some());
        }
    }
}
