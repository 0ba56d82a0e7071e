//! The walls as data: who may know whom. A new crate gets one row here.

/// The kind of room a crate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Rules and ports. No I/O, no runtime, no vendor: see [`BANNED`] and [`TOKIO_FEATURES`].
    Domain,
    /// Knows nothing of the workspace and may be used by any adapter.
    Leaf,
    /// One way of doing what a port asks for. Adapters do not know one another.
    Adapter,
    /// The only crate that knows all.
    App,
    /// Fake servers, end-to-end tests, this program.
    Tooling,
}

/// One crate and what it may depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) layer: Layer,
    /// Crates of the workspace that its normal dependencies may name.
    pub(crate) may_use: &'static [&'static str],
}

/// Every crate of the workspace, innermost first.
pub(crate) const CRATES: &[Rule] = &[
    Rule { name: "session-api", layer: Layer::Domain, may_use: &[] },
    Rule { name: "tool-api", layer: Layer::Domain, may_use: &["session-api"] },
    Rule { name: "schedule", layer: Layer::Domain, may_use: &["session-api"] },
    Rule { name: "subagents", layer: Layer::Domain, may_use: &["session-api"] },
    Rule {
        name: "agent-core",
        layer: Layer::Domain,
        may_use: &["session-api", "tool-api", "schedule", "subagents"],
    },
    Rule { name: "http-client", layer: Layer::Leaf, may_use: &[] },
    Rule {
        name: "providers",
        layer: Layer::Adapter,
        may_use: &["session-api", "tool-api", "agent-core", "http-client"],
    },
    Rule { name: "channels", layer: Layer::Adapter, may_use: &["session-api", "agent-core", "http-client"] },
    Rule { name: "email", layer: Layer::Adapter, may_use: &["session-api", "tool-api", "agent-core"] },
    // Gets the façade as a value.
    Rule { name: "http-api", layer: Layer::Adapter, may_use: &["session-api", "agent-core"] },
    // A store sees the conversation as data and nothing of how a turn runs.
    Rule { name: "sqlite-store", layer: Layer::Adapter, may_use: &["session-api"] },
    // A tool gets all it may use in its context, so it has no need of the turn.
    Rule {
        name: "tools",
        layer: Layer::Adapter,
        may_use: &["session-api", "tool-api", "schedule", "subagents", "http-client"],
    },
    Rule {
        name: "factotum",
        layer: Layer::App,
        may_use: &[
            "session-api",
            "tool-api",
            "schedule",
            "subagents",
            "agent-core",
            "http-client",
            "providers",
            "sqlite-store",
            "tools",
            "channels",
            "email",
            "http-api",
        ],
    },
    Rule { name: "servers", layer: Layer::Tooling, may_use: &[] },
    // Drives the built binary from outside; the two crates are there to read what it left in the database.
    Rule {
        name: "it",
        layer: Layer::Tooling,
        may_use: &["servers", "session-api", "schedule", "sqlite-store"],
    },
    // Measures the library as an embedder sees it; the store alone for the length of histories, the providers alone beside
    // a bare client.
    Rule {
        name: "bench-load",
        layer: Layer::Tooling,
        may_use: &[
            "factotum",
            "servers",
            "session-api",
            "schedule",
            "subagents",
            "sqlite-store",
            "agent-core",
            "http-client",
            "providers",
            "tool-api",
        ],
    },
    Rule { name: "xtask", layer: Layer::Tooling, may_use: &[] },
];

/// What adapters' tests may use besides: contract suites (feature `contract`) live beside the ports, fakes in `servers`.
pub(crate) const FOR_TESTS: &[&str] = &["session-api", "tool-api", "agent-core", "servers"];

/// Packages that no domain crate may pull in, however deep.
pub(crate) const BANNED: &[&str] = &[
    "axum",
    "clap",
    "figment",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "reqwest",
    "rusqlite",
    "serenity",
    "sqlx",
    "teloxide",
    "toml",
    "tracing-subscriber",
];

/// All that a domain crate may have of tokio: channels, locks and `select!`, which need no runtime.
/// (`default` is empty in tokio; `tokio-macros` is what `macros` turns on.)
pub(crate) const TOKIO_FEATURES: &[&str] = &["default", "macros", "sync", "tokio-macros"];
