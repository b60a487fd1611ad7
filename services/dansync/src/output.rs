//! What a command that lists or shows writes on standard output: a text for people, or JSON with stable keys.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// The switch `-o` of every command that lists or shows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// How the answer is written.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Text, value_name = "FORM")]
    form: Form,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// One JSON value.
    Json,
}

/// An answer: its fields are the stable JSON keys, the text is for people.
pub(crate) trait Answer: Serialize {
    /// Writes the text, with its last line break.
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Output {
    /// Writes `answer` on standard output.
    pub(crate) fn show(self, answer: &impl Answer) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        self.write(answer, &mut out).and_then(|()| out.flush()).context("writing to standard output")
    }

    fn write(self, answer: &impl Answer, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            Form::Text => answer.write_text(out),
            Form::Json => {
                serde_json::to_writer_pretty(&mut *out, answer)?;
                writeln!(out)
            }
        }
    }
}
