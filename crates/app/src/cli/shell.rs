//! `factotum completions` and `factotum man`.

use std::{io, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{args::Args, error::CliError};
use crate::exit;

pub(super) fn completions(shell: Shell) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "factotum", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(exit::OK)
}

pub(super) fn man(dir: Option<&Path>) -> Result<u8, CliError> {
    match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            clap_mangen::generate_to(Args::command(), dir)?;
        }
        None => clap_mangen::Man::new(Args::command()).render(&mut io::stdout())?,
    }
    Ok(exit::OK)
}
