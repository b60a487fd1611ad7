//! Values as people read them.

use registry_rules::FieldValue;

/// A value in one line.
pub(crate) fn value_text(value: &FieldValue) -> String {
    value.readable()
}

/// What there may be, or `-`.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_and_lists_stay_in_one_line() {
        let parts = FieldValue::parts([("province", "01".to_owned()), ("commune", "Bình An".to_owned())]);
        let list = FieldValue::List(vec![parts, FieldValue::Text("x".to_owned())]);
        assert_eq!(value_text(&list), "commune=Bình An, province=01; x");
    }
}
