//! Logs: one line an event on standard error, text for people or JSON for machines, times in UTC (RFC 3339).

use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The environment variable with filter directives, such as `info,reconciler=debug`.
pub const FILTER_VARIABLE: &str = "DANSYNC_LOG";

/// What is logged without [`FILTER_VARIABLE`]. sqlx quotes statements that were slow or failed; at `error` it does not.
const DEFAULT_FILTER: &str = "info,sqlx=error";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl LogFormat {
    /// Text on a terminal, JSON otherwise.
    pub fn for_terminal() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LoggingError::Format),
        }
    }
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// Not a format.
    #[error("the log format is neither `text` nor `json`; give one of the two")]
    Format,
    /// The filter cannot be read.
    #[error("{FILTER_VARIABLE} is not a list of filter directives such as `info,reconciler=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Logging has already begun in this process.
    #[error("logging has already begun: {0}")]
    Begun(#[from] tracing_subscriber::util::TryInitError),
}

/// Begins to log, once in a process.
pub fn init(format: LogFormat) -> Result<(), LoggingError> {
    let directives = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(directives)?)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => {
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(true)
                .finish()
                .try_init()?;
        }
    }
    Ok(())
}
