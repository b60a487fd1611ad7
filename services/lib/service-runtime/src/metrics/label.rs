//! Label values: closed enums, or identifiers from the configuration. Never text from data.

use std::borrow::Cow;

/// Longer identifiers are not ours.
const MAX_ID_LENGTH: usize = 64;

/// What stands for a value that is no identifier.
const OTHER: &str = "other";

/// A label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(Cow<'static, str>);

impl Label {
    /// A value known at compile time.
    pub const fn fixed(value: &'static str) -> Self {
        Self(Cow::Borrowed(value))
    }

    /// An identifier from configuration or code: source, entity, agreement, topic, partition. Anything that does not
    /// look like one becomes `other`, so that a value from data cannot reach a metric.
    pub fn id(value: &str) -> Self {
        let is_id = !value.is_empty()
            && value.len() <= MAX_ID_LENGTH
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./{}:".contains(&byte));
        // Twelve digits are a personal identification number, nine an older one; no name of ours has so many in a row.
        let looks_personal = value.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 9);
        if is_id && !looks_personal { Self(Cow::Owned(value.to_owned())) } else { Self::fixed(OTHER) }
    }

    /// Several identifiers, for [`LabelSets::all`].
    pub fn ids<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        values.into_iter().map(Self::id).collect()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Label {
    /// As [`Label::id`].
    fn from(value: &str) -> Self {
        Self::id(value)
    }
}

impl From<i32> for Label {
    /// A partition number.
    fn from(value: i32) -> Self {
        Self(Cow::Owned(value.to_string()))
    }
}

/// The label sets of a family that are known at start.
#[derive(Debug, Clone)]
pub struct LabelSets<const N: usize>(Vec<[Label; N]>);

impl<const N: usize> LabelSets<N> {
    /// None is known yet.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Every combination of the values that each label may take, in the order of the family's labels.
    pub fn all(values: [Vec<Label>; N]) -> Self {
        let mut sets: Vec<Vec<Label>> = vec![Vec::with_capacity(N)];
        for choices in values {
            let longer = sets.iter().flat_map(|set| {
                choices.iter().map(move |choice| {
                    let mut set = set.clone();
                    set.push(choice.clone());
                    set
                })
            });
            sets = longer.collect();
        }
        Self(sets.into_iter().filter_map(|set| set.try_into().ok()).collect())
    }
}

impl<const N: usize> From<Vec<[Label; N]>> for LabelSets<N> {
    fn from(sets: Vec<[Label; N]>) -> Self {
        Self(sets)
    }
}

impl<const N: usize> IntoIterator for LabelSets<N> {
    type Item = [Label; N];
    type IntoIter = std::vec::IntoIter<[Label; N]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Declares a closed enum whose variants are label values: `label_enum! { /// … pub enum Op { Insert = "insert" } }`.
/// Gives `Op::ALL`, `Op::as_str`, `Op::labels` and `Label::from(op)`.
#[macro_export]
macro_rules! label_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $(
                $(#[$variant_meta])*
                #[doc = concat!("`", $text, "`")]
                $variant,
            )+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// Every value as a label, for the label sets that exist from the start.
            #[allow(dead_code, clippy::allow_attributes, reason = "not every enum is a label of a family known at start")]
            pub fn labels() -> Vec<$crate::metrics::Label> {
                Self::ALL.iter().map(|value| $crate::metrics::Label::fixed(value.as_str())).collect()
            }
        }

        impl From<$name> for $crate::metrics::Label {
            fn from(value: $name) -> Self {
                Self::fixed(value.as_str())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identifiers_pass() {
        for id in ["civil_status", "dansync.source.civil_status.v1", "/cases/{id}", "0", "2xx"] {
            assert_eq!(Label::id(id).as_str(), id);
        }
        for text in ["", "Nguyễn Văn A", "two words", "012345678901", "x-123456789", &"a".repeat(65)] {
            assert_eq!(Label::id(text).as_str(), OTHER, "{text}");
        }
    }

    #[test]
    fn all_combinations() {
        let sets = LabelSets::all([Label::ids(["a", "b"]), Label::ids(["x", "y", "z"])]);
        assert_eq!(sets.into_iter().count(), 6);
    }
}
