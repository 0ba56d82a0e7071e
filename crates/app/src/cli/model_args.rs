//! The arguments of the commands about models.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Models {
    /// Models of the providers that are configured or have a key, as far as they are known without asking anybody
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// What a model's name or a preset means: provider, server, price, and who is asked when it fails
    Resolve {
        /// The model, as PROVIDER/MODEL, or a preset
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Ask a model for one word, and say which part is at fault when it does not answer; costs a few tokens
    Test {
        /// The model; without it the one that answers when nobody says otherwise
        name: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Usage {
    /// What to sum up by
    #[arg(long, value_enum, default_value_t = UsageGroup::Day)]
    pub(super) by: UsageGroup,
    /// Only the last so many UTC days, today included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(super) days: Option<u32>,
    /// One JSON object a line; costs are millionths of a US dollar
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum UsageGroup {
    Day,
    Model,
    Session,
    Purpose,
}
