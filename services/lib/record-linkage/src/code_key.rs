//! Codes as they are compared: with their list, and translated into the list of today.

use crate::intern::Interner;
use crate::kind::Test;
use registry_rules::{CodeList, unaccented};

/// A code as stated and as the list of today has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CodeKey {
    stated: u32,
    unit: u32,
}

/// The code that a value states: `list:code`, a bare code of `numbering` (else of the list itself), or a name of the list.
/// A name is looked up in the list of today only: where it was another unit's name before, the number must say so.
pub(crate) fn unit(text: &str, list: &CodeList, numbering: Option<&str>) -> Option<String> {
    let (named, code) = text.split_once(':').map_or((numbering, text), |(list, code)| (Some(list), code));
    let from = named.filter(|named| *named != list.list);
    if let Some(unit) = list.translate(from, code) {
        return Some(unit);
    }
    let name = unaccented(text);
    let known = list.codes.iter().find(|(_, known)| unaccented(&known.vi) == name);
    known.map(|(code, _)| format!("{}:{code}", list.list))
}

impl CodeKey {
    /// Reads a code.
    pub(crate) fn read(
        text: &str,
        list: &CodeList,
        numbering: Option<&str>,
        texts: &mut Interner,
    ) -> Option<Self> {
        let unit = unit(text, list, numbering)?;
        Some(Self { stated: texts.number(text), unit: texts.number(&unit) })
    }

    /// Whether the two stand in this relation.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a level of another kind never holds; the model was checked"
    )]
    pub(crate) const fn passes(self, other: Self, test: Test) -> bool {
        match test {
            Test::Exact => self.stated == other.stated,
            Test::SameUnit => self.unit == other.unit,
            Test::Else => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::CodeLists;

    #[test]
    fn a_province_before_and_after_2025_is_one_unit() {
        let lists = CodeLists::parse([include_str!("../../../../schemas/codes/province_2025.toml")]).unwrap();
        let list = lists.get("province_2025").unwrap();
        let unit = |text| unit(text, list, Some("province_2004"));
        for (text, today) in [
            ("province_2004:15", Some("province_2025:15")), // Yên Bái, in Lào Cai now
            ("10", Some("province_2025:15")),               // Lào Cai was 10
            ("province_2025:15", Some("province_2025:15")),
            ("province_2004:52", Some("province_2025:52")), // Bình Định, in Gia Lai now
            ("province_2004:45", Some("province_2025:44")), // Quảng Trị was 45
            ("Lào Cai", Some("province_2025:15")),
            ("THANH HOA", Some("province_2025:38")),
            ("nowhere:1", None),
            ("99", None),
        ] {
            assert_eq!(unit(text).as_deref(), today, "{text}");
        }
    }
}
