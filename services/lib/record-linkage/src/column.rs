//! The values of one column, each distinct one read once.

use crate::act_key::ActKey;
use crate::code_key::CodeKey;
use crate::date_key::DateKey;
use crate::intern::Interner;
use crate::kind::{Kind, Test};
use crate::model::Column;
use crate::name_key::NameKey;
use crate::number_key::NumberKey;
use crate::numeric::wide;
use crate::text_key::TextKey;
use registry_rules::normalise_text;

/// Keys of a column's distinct values; a value's number is its place, from 1.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Name(Vec<NameKey>),
    Date(Vec<DateKey>),
    Number(Vec<NumberKey>),
    Code(Vec<CodeKey>),
    Act(Vec<ActKey>),
    Text(Vec<TextKey>),
}

/// The values of one column.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) keys: Keys,
    /// Each distinct value as kept → its number; 0 for one that cannot be read.
    numbers: std::collections::HashMap<Box<str>, u32>,
    texts: Interner,
    /// Texts for blocking where keys are made of numbers: units of today, acts as written.
    units: Vec<Box<str>>,
    /// Values that could not be read and count as missing.
    pub(crate) unreadable: u64,
}

impl Values {
    pub(crate) fn new(kind: Kind) -> Self {
        let keys = match kind {
            Kind::Name => Keys::Name(Vec::new()),
            Kind::Date => Keys::Date(Vec::new()),
            Kind::Number => Keys::Number(Vec::new()),
            Kind::Code => Keys::Code(Vec::new()),
            Kind::Act => Keys::Act(Vec::new()),
            Kind::Text => Keys::Text(Vec::new()),
        };
        Self {
            keys,
            numbers: std::collections::HashMap::new(),
            texts: Interner::default(),
            units: Vec::new(),
            unreadable: 0,
        }
    }

    /// The number of a value; 0 if it is missing or cannot be read.
    pub(crate) fn number(&mut self, text: &str, column: &Column) -> u32 {
        let kept = normalise_text(text);
        if kept.is_empty() || column.missing.contains(&kept) {
            return 0;
        }
        let known = self.numbers.get(kept.as_str()).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.keep(&kept, column).unwrap_or(0);
            self.numbers.insert(kept.into(), number);
            number
        });
        self.unreadable += u64::from(number == 0);
        number
    }

    fn keep(&mut self, kept: &str, column: &Column) -> Option<u32> {
        let texts = &mut self.texts;
        let length = match &mut self.keys {
            Keys::Name(keys) => push(keys, Some(NameKey::of(kept, texts))),
            Keys::Date(keys) => push(keys, DateKey::read(kept)),
            Keys::Number(keys) => {
                let fits = |key: &NumberKey| column.digits.is_none_or(|digits| digits == key.count());
                push(keys, NumberKey::read(kept).filter(fits))
            }
            Keys::Code(keys) => {
                let list = column.list.as_ref()?;
                let key = CodeKey::read(kept, list, column.numbering.as_deref(), texts)?;
                let unit = crate::code_key::unit(kept, list, column.numbering.as_deref())?;
                self.units.push(unit.into());
                push(keys, Some(key))
            }
            Keys::Act(keys) => {
                let key = ActKey::read(kept, texts)?;
                self.units.push(kept.into());
                push(keys, Some(key))
            }
            Keys::Text(keys) => push(keys, Some(TextKey::of(kept, texts))),
        };
        length.and_then(|length| u32::try_from(length).ok())
    }

    /// A value in a form for blocking.
    pub(crate) fn form(&self, number: u32, form: &str) -> Option<String> {
        let place = wide(number.checked_sub(1)?);
        match &self.keys {
            Keys::Name(keys) => keys.get(place)?.form(form).map(ToOwned::to_owned),
            Keys::Date(keys) => {
                let key = keys.get(place)?;
                match form {
                    "year" => Some(key.year_text()),
                    "swapped" => key.swapped_text(),
                    _ => key.date_text(),
                }
            }
            Keys::Number(keys) => keys.get(place).map(|key| key.text()),
            Keys::Code(_) | Keys::Act(_) => self.units.get(place).map(ToString::to_string),
            Keys::Text(keys) => {
                let key = keys.get(place)?;
                match form.strip_prefix("prefix:").and_then(|letters| letters.parse().ok()) {
                    Some(letters) => Some(key.prefix(letters)).filter(|text| !text.is_empty()),
                    None => Some(key.plain().to_owned()).filter(|text| !text.is_empty()),
                }
            }
        }
    }

    /// The unmarked text of a name or text.
    pub(crate) fn plain(&self, number: u32) -> Option<&str> {
        let place = wide(number.checked_sub(1)?);
        match &self.keys {
            Keys::Name(keys) => keys.get(place).map(|key| key.text().plain()),
            Keys::Text(keys) => keys.get(place).map(TextKey::plain),
            Keys::Date(_) | Keys::Number(_) | Keys::Code(_) | Keys::Act(_) => None,
        }
    }

    /// How many distinct values there are.
    pub(crate) const fn distinct(&self) -> usize {
        match &self.keys {
            Keys::Name(keys) => keys.len(),
            Keys::Date(keys) => keys.len(),
            Keys::Number(keys) => keys.len(),
            Keys::Code(keys) => keys.len(),
            Keys::Act(keys) => keys.len(),
            Keys::Text(keys) => keys.len(),
        }
    }

    /// Whether two values, neither missing, stand in this relation. `similar` answers for Jaro-Winkler.
    pub(crate) fn passes(
        &self,
        left: u32,
        right: u32,
        test: Test,
        similar: impl FnOnce(f64) -> bool,
    ) -> bool {
        let (left, right) = (wide(left.wrapping_sub(1)), wide(right.wrapping_sub(1)));
        match &self.keys {
            Keys::Name(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(b, test, similar)),
            Keys::Date(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(*b, test)),
            Keys::Number(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(*b, test)),
            Keys::Code(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(*b, test)),
            Keys::Act(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(*b, test)),
            Keys::Text(keys) => pair(keys, left, right).is_some_and(|(a, b)| a.passes(b, test, similar)),
        }
    }
}

fn push<T>(keys: &mut Vec<T>, key: Option<T>) -> Option<usize> {
    keys.push(key?);
    Some(keys.len())
}

fn pair<T>(keys: &[T], left: usize, right: usize) -> Option<(&T, &T)> {
    keys.get(left).zip(keys.get(right))
}
