//! Tool scopes of the configuration, as the core takes them.

use agent_core::{ToolScope, ToolScopes};
use session_api::{Purpose, Rank};
use tools::{Phase, ScopeRank, ToolsConfig};

pub(crate) fn scopes(config: &ToolsConfig) -> ToolScopes {
    let scope = |(name, scope): (&String, &tools::ScopeConfig)| ToolScope {
        name: name.clone(),
        channels: scope.channels.clone(),
        ranks: scope.ranks.iter().map(|rank| self::rank(*rank)).collect(),
        phases: scope.phases.iter().map(|phase| self::phase(*phase)).collect(),
        profiles: scope.profiles.clone(),
        only: scope.only.clone(),
        without: scope.without.clone(),
    };
    ToolScopes { scopes: config.scopes.iter().map(scope).collect(), aliases: config.aliases.clone() }
}

fn rank(rank: ScopeRank) -> Rank {
    match rank {
        ScopeRank::Owner => Rank::Owner,
        ScopeRank::Member => Rank::Member,
        ScopeRank::Guest => Rank::Guest,
    }
}

fn phase(phase: Phase) -> Purpose {
    match phase {
        Phase::Chat => Purpose::Chat,
        Phase::Subagent => Purpose::Subagent,
        Phase::Heartbeat => Purpose::Heartbeat,
    }
}
