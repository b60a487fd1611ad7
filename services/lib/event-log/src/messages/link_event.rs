//! `dansync.LinkEvent` in Avro.

use super::person_image::get_person_id;
use crate::avro::{DecodeError, Decoder, EncodeError, Encoder};
use registry_rules::{LinkEvent, LinkKind};

const fn kind_index(kind: LinkKind) -> u8 {
    match kind {
        LinkKind::FirstSeen => 0,
        LinkKind::Merged => 1,
        LinkKind::Split => 2,
    }
}

/// Appends the Avro body.
pub fn encode_link_event(event: &LinkEvent, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| {
        e.text("anchor", &event.anchor)?;
        e.displayed("own_person_id", event.own_person_id)?;
        e.displayed("person_id", event.person_id)?;
        e.index(kind_index(event.event));
        Ok(())
    })
}

/// Reads an Avro body. Total.
pub fn decode_link_event(body: &[u8]) -> Result<LinkEvent, DecodeError> {
    Decoder::whole(body, |d| {
        Ok(LinkEvent {
            anchor: d.string("anchor")?,
            own_person_id: get_person_id(d, "own_person_id")?,
            person_id: get_person_id(d, "person_id")?,
            event: d.symbol("event", &LinkKind::ALL)?,
        })
    })
}
