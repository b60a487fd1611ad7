//! `dansync.ControlEvent`: what holds for everybody from its place in `control` on.

use crate::avro::{DecodeError, Decoder, EncodeError, Encoder};
use chrono::NaiveDate;

/// Day or rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// A business date begins.
    DayOpened {
        /// In `Asia/Ho_Chi_Minh`.
        date: NaiveDate,
    },
    /// A rule set kept in the registry comes into force.
    RulesActivated {
        /// Its name.
        rule_set: String,
    },
}

impl ControlEvent {
    /// The message's key in the topic.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::DayOpened { .. } => "day_opened",
            Self::RulesActivated { .. } => "rules_activated",
        }
    }
}

/// Appends the Avro body.
pub fn encode_control_event(event: &ControlEvent, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| match event {
        ControlEvent::DayOpened { date } => {
            e.index(0);
            e.displayed("date", date)
        }
        ControlEvent::RulesActivated { rule_set } => {
            e.index(1);
            e.text("rule_set", rule_set)
        }
    })
}

/// Reads an Avro body. Total.
pub fn decode_control_event(body: &[u8]) -> Result<ControlEvent, DecodeError> {
    Decoder::whole(body, |d| match d.long("body")? {
        0 => Ok(ControlEvent::DayOpened { date: d.day("date")? }),
        1 => Ok(ControlEvent::RulesActivated { rule_set: d.string("rule_set")? }),
        index => Err(DecodeError::Alternative { part: "body", index }),
    })
}
