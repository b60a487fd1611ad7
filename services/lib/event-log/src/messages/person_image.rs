//! `dansync.PersonImage` in Avro.

use super::field_name::get_field_name;
use super::source_message_codec::{get_record_key, put_once};
use crate::avro::{DecodeError, Decoder, EncodeError, Encoder, limits};
use registry_rules::{
    FieldName, FieldState, Lifecycle, PersonId, PersonImage, PinStanding, PinState, StandingField,
};
use std::collections::BTreeMap;

const fn lifecycle_index(lifecycle: Lifecycle) -> u8 {
    match lifecycle {
        Lifecycle::Active => 0,
        Lifecycle::Deceased => 1,
        Lifecycle::Merged => 2,
    }
}

const fn pin_index(state: PinStanding) -> u8 {
    match state {
        PinStanding::Current => 0,
        PinStanding::Cancelled => 1,
        PinStanding::Unknown => 2,
    }
}

const fn field_index(state: FieldState) -> u8 {
    match state {
        FieldState::Agreed => 0,
        FieldState::SoleSource => 1,
        FieldState::Disputed => 2,
        FieldState::UnderVerification => 3,
        FieldState::Decided => 4,
    }
}

/// Appends the Avro body.
pub fn encode_person_image(image: &PersonImage, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    Encoder::append(out, |e| {
        e.displayed("person_id", image.person_id)?;
        e.bits(image.version);
        e.index(lifecycle_index(image.lifecycle));
        e.optional(image.merged_into, |e, id| e.displayed("merged_into", id))?;
        e.array("absorbed", limits::ABSORBED, image.absorbed.iter(), |e, id| e.displayed("absorbed", id))?;
        e.bool(image.countable);
        e.array("pins", limits::PINS, image.pins.iter(), |e, pin| {
            e.text("pins.value", &pin.value)?;
            e.index(pin_index(pin.state));
            Ok(())
        })?;
        e.array("fields", limits::FIELDS, image.fields.iter(), |e, (name, field)| {
            e.text("fields.name", name.as_str())?;
            e.field_value("fields.value", &field.value)?;
            e.index(field_index(field.state));
            e.optional_text(
                "fields.record_key",
                field.record_key.as_ref().map(registry_rules::RecordKey::as_str),
            )?;
            e.text("fields.rule", &field.rule)
        })?;
        e.displayed("business_date", image.business_date)
    })
}

/// Reads an Avro body. Total.
pub fn decode_person_image(body: &[u8]) -> Result<PersonImage, DecodeError> {
    Decoder::whole(body, |d| {
        Ok(PersonImage {
            person_id: get_person_id(d, "person_id")?,
            version: d.bits("version")?,
            lifecycle: d.symbol("lifecycle", &Lifecycle::ALL)?,
            merged_into: d.optional("merged_into", |d| get_person_id(d, "merged_into"))?,
            absorbed: d.array("absorbed", limits::ABSORBED, |d| get_person_id(d, "absorbed"))?,
            countable: d.bool("countable")?,
            pins: d.array("pins", limits::PINS, |d| {
                Ok(PinState {
                    value: d.string("pins.value")?,
                    state: d.symbol("pins.state", &PinStanding::ALL)?,
                })
            })?,
            fields: get_fields(d)?,
            business_date: d.day("business_date")?,
        })
    })
}

fn get_fields(d: &mut Decoder<'_>) -> Result<BTreeMap<FieldName, StandingField>, DecodeError> {
    let mut fields = BTreeMap::new();
    d.each("fields", limits::FIELDS, |d| {
        let name = get_field_name(d)?;
        let field = StandingField {
            value: d.field_value("fields.value")?,
            state: d.symbol("fields.state", &FieldState::ALL)?,
            record_key: d.optional("fields.record_key", get_record_key)?,
            rule: d.string("fields.rule")?,
        };
        put_once(&mut fields, name, field)
    })?;
    Ok(fields)
}

/// A person's id, as in several messages.
pub(super) fn get_person_id(d: &mut Decoder<'_>, part: &'static str) -> Result<PersonId, DecodeError> {
    d.parsed(part, "a person id")
}
