//! Sets up the log.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::filter_fn,
    fmt,
    layer::{Filter, SubscriberExt as _},
    registry::LookupSpan,
};

use super::{
    Redactor,
    writer::{Lines, Sink},
};
use crate::{
    config::{LogConfig, LogFormat},
    failpoint::{Failpoint, is_failpoint},
};

/// How much a person wants to see, by `-v` and `-q`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Verbosity {
    /// How often `-v` was given: information, details, everything.
    pub verbose: u8,
    /// Whether `-q` was: errors only.
    pub quiet: bool,
}

/// What the log is made of.
#[derive(Debug)]
pub(crate) struct LogInput<'a> {
    /// `[log]`.
    pub config: &'a LogConfig,
    /// The data directory.
    pub home: &'a Path,
    /// Flags; they win over everything.
    pub verbosity: Verbosity,
    /// `FACTOTUM_LOG`; it wins over `log.level`. Same form.
    pub filter: Option<&'a str>,
    /// Whether lines for people may have colours on a terminal.
    pub colors: bool,
    /// What every line passes.
    pub redactor: &'a Redactor,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The levels make no sense.
    #[error(
        "{place}: {message}; write off, error, warn, info, debug or trace, or part=level pairs between commas"
    )]
    Filter {
        /// Where they stand.
        place: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The file cannot be opened.
    #[error("log file {}: {}", path.display(), error.kind())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The process has a log already.
    #[error("the process has a log already")]
    Twice,
}

type Boxed<S> = Box<dyn Layer<S> + Send + Sync>;

/// Sets up the log for the whole process. Cheap: nothing is compiled before something is logged, unless the levels are
/// more than one word.
///
/// # Errors
/// When the levels make no sense, the file cannot be opened, or there is a log already. `failpoint` is the place where the
/// process is to be killed.
pub(crate) fn init(input: &LogInput<'_>, failpoint: Option<Failpoint>) -> Result<(), LogError> {
    let (sink, colors) = match &input.config.file {
        Some(file) => (Sink::File(Arc::new(open(&input.home.join("logs").join(file))?)), false),
        None => (Sink::Stderr, input.colors && io::stderr().is_terminal()),
    };
    let armed = failpoint.map(|point| point.with_filter(filter_fn(is_failpoint)));
    let subscriber = subscriber(input, sink, colors)?.with(armed);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

/// Whether `text` is a filter. The message says what is wrong with it.
pub(crate) fn check_filter(text: &str) -> Result<(), String> {
    filter::<Registry>(text).map(drop)
}

fn subscriber(
    input: &LogInput<'_>,
    sink: Sink,
    colors: bool,
) -> Result<impl tracing::Subscriber + for<'s> LookupSpan<'s> + Send + Sync + use<>, LogError> {
    let (place, text) = match (input.verbosity, input.filter) {
        (Verbosity { quiet: true, .. }, _) => ("-q", "error"),
        (Verbosity { verbose: 1, .. }, _) => ("-v", "info"),
        (Verbosity { verbose: 2, .. }, _) => ("-v", "debug"),
        (Verbosity { verbose: 3.., .. }, _) => ("-v", "trace"),
        (_, Some(text)) => ("FACTOTUM_LOG", text),
        (_, None) => ("log.level", input.config.level.as_str()),
    };
    let filter = filter(text).map_err(|message| LogError::Filter { place, message })?;
    let lines = Lines { sink, redactor: input.redactor.clone() };
    let format: Boxed<Registry> = match input.config.format {
        LogFormat::Logfmt => Box::new(
            fmt::layer()
                .event_format(tracing_logfmt::EventsFormatter::default())
                .fmt_fields(tracing_logfmt::FieldsFormatter::default())
                .with_ansi(false)
                .with_writer(lines),
        ),
        LogFormat::Json => {
            Box::new(fmt::layer().json().flatten_event(true).with_ansi(false).with_writer(lines))
        }
        LogFormat::Pretty => Box::new(fmt::layer().with_ansi(colors).with_writer(lines)),
    };
    // The filter is the format's own: a failpoint listens to what no log shows.
    Ok(Registry::default().with(format.with_filter(filter)))
}

/// One word is a level, and costs nothing; anything else is a whole expression.
fn filter<S>(text: &str) -> Result<Box<dyn Filter<S> + Send + Sync>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("names no level".to_owned());
    }
    if let Ok(level) = text.parse::<LevelFilter>() {
        return Ok(Box::new(level));
    }
    // The expression language takes any single word for a part of the program, which is nearly always a slip.
    if !text.contains(['=', ',', '[']) {
        return Err(format!("{text:?} is no level"));
    }
    match EnvFilter::try_new(text) {
        Ok(filter) => Ok(Box::new(filter)),
        Err(error) => Err(error.to_string()),
    }
}

fn open(path: &Path) -> Result<fs::File, LogError> {
    let fail = |error| LogError::File { path: path.to_owned(), error };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    // For the owner only: lines name chats and people.
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(fail)
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
