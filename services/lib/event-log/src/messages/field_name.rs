//! Names of fields, checked once per thread instead of a dozen times per message.

use crate::avro::{DecodeError, Decoder, limits};
use registry_rules::FieldName;
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    /// Names that were good. Bounded like a message's fields; the catalogue has dozens.
    static GOOD: RefCell<HashMap<String, FieldName>> = RefCell::default();
}

/// A field's name, as in several messages.
pub(super) fn get_field_name(d: &mut Decoder<'_>) -> Result<FieldName, DecodeError> {
    let text = d.text("fields.name")?;
    GOOD.with_borrow_mut(|good| {
        if let Some(name) = good.get(text) {
            return Ok(name.clone());
        }
        let name = parse(text)?;
        if good.len() < limits::FIELDS {
            good.insert(text.to_owned(), name.clone());
        }
        Ok(name)
    })
}

fn parse(text: &str) -> Result<FieldName, DecodeError> {
    const EXPECTED: DecodeError = DecodeError::Form { part: "fields.name", expected: "namespace.item" };
    let name = text.parse::<FieldName>().map_err(|_| EXPECTED)?;
    // A bare name would come back longer than it was written.
    if name.as_str() == text { Ok(name) } else { Err(EXPECTED) }
}
