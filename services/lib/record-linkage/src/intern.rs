//! Texts as numbers: equal texts have equal numbers, and comparing numbers costs nothing.

use crate::numeric::narrow;
use std::collections::HashMap;

/// Gives each distinct text a number, from 1 in the order of first sight. 0 stands for no text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    numbers: HashMap<Box<str>, u32>,
}

impl Interner {
    /// The text's number.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = narrow(self.numbers.len() + 1);
        self.numbers.insert(text.into(), number);
        number
    }
}
