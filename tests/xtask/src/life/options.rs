//! What `cargo xtask life` may be told.

use acceptance::life::LifeEvent;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `cargo xtask life`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// What happens
    #[arg(value_name = "EVENT", value_parser = event())]
    pub(crate) event: LifeEvent,
    /// Tell each hop with its time, until every sector that may know has it
    #[arg(long)]
    pub(crate) follow: bool,
    /// The demo's state folder
    #[arg(long, value_name = "DIR", default_value = ".dansync")]
    pub(crate) state: PathBuf,
    /// The same seed draws the same people, as long as they fit; without it others each time
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How it is told
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub(crate) form: Form,
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// A line for each hop, as it happens
    Text,
    /// One JSON value at the end
    Json,
}

/// The events of life by their names, each with a line of help.
fn event() -> impl TypedValueParser<Value = LifeEvent> {
    let names = LifeEvent::all().map(|event| PossibleValue::new(event.as_str()).help(event.describe()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<LifeEvent>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_event_is_offered_with_a_line_of_help() {
        let help = Line::command().render_long_help().to_string();
        for event in LifeEvent::all() {
            let line = format!("- {}:", event.as_str());
            assert!(help.contains(&line) && help.contains(event.describe()), "{event}: {help}");
            let parsed = Line::try_parse_from(["life", event.as_str(), "--follow"]).unwrap();
            assert_eq!(parsed.options.event, event);
        }
        assert!(Line::try_parse_from(["life", "graduation"]).is_err());
    }
}
