//! `dansync.Answer` in Avro.

use super::source_message_codec::get_record_key;
use crate::avro::{DecodeError, Decoder, EncodeError, Encoder};
use registry_rules::{Answer, AnswerKind};

const fn kind_index(kind: AnswerKind) -> u8 {
    match kind {
        AnswerKind::Accepted => 0,
        AnswerKind::PinIssued => 1,
        AnswerKind::Held => 2,
        AnswerKind::Decided => 3,
        AnswerKind::Rejected => 4,
    }
}

/// Appends the Avro body.
pub fn encode_answer(answer: &Answer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| {
        e.text("record_key", answer.record_key.as_str())?;
        e.index(kind_index(answer.outcome));
        e.optional_text("pin", answer.pin.as_deref())?;
        e.optional_text("detail", answer.detail.as_deref())?;
        e.optional_text("deadline", answer.deadline.map(|day| day.to_string()).as_deref())?;
        e.optional_text("field", answer.field.as_deref())?;
        e.optional_text("value", answer.value.as_deref())?;
        e.optional_text("reason", answer.reason.as_deref())?;
        e.optional_text("way_out", answer.way_out.as_deref())
    })
}

/// Reads an Avro body. Total.
pub fn decode_answer(body: &[u8]) -> Result<Answer, DecodeError> {
    Decoder::whole(body, |d| {
        Ok(Answer {
            record_key: get_record_key(d)?,
            outcome: d.symbol("outcome", &AnswerKind::ALL)?,
            pin: d.optional_string("pin")?,
            detail: d.optional_string("detail")?,
            deadline: d.optional_day("deadline")?,
            field: d.optional_string("field")?,
            value: d.optional_string("value")?,
            reason: d.optional_string("reason")?,
            way_out: d.optional_string("way_out")?,
        })
    })
}
