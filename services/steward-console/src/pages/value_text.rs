//! A value in the reader's words: codes by their names, dates as written in Viet Nam, what differs marked.

use super::column::Line;
use crate::desk::Statement;
use crate::difference::{self, Difference};
use crate::language::Language;
use crate::rules::Rules;
use crate::vocabulary;
use registry_rules::{CodeList, FieldValue, PartialDate};

/// The part of a name that says all of it.
const FULL: &str = "full";

/// How values are put into words.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) rules: &'a Rules,
    pub(super) language: Language,
}

impl Words<'_> {
    /// The lines of a value, in the catalogue's order of parts, with what the other value lacks marked.
    pub(super) fn lines(&self, value: &FieldValue, base: &FieldValue, order: &[String]) -> Vec<Line> {
        match value {
            FieldValue::Text(text) => vec![self.line(None, text, base.text().unwrap_or_default())],
            FieldValue::Parts(parts) => {
                let place = |part: &str| order.iter().position(|known| known == part).unwrap_or(order.len());
                let mut sorted: Vec<_> = parts.iter().collect();
                sorted.sort_by_key(|(part, _)| (place(part), part.as_str()));
                let line = |(part, text): (&String, &String)| {
                    self.line(Some(part), text, base.part(part).unwrap_or_default())
                };
                sorted.into_iter().map(line).collect()
            }
            FieldValue::List(items) => items.iter().flat_map(|item| self.lines(item, item, order)).collect(),
        }
    }

    fn line(&self, part: Option<&str>, text: &str, base: &str) -> Line {
        Line {
            label: part.map(|part| vocabulary::part(part, self.language)),
            words: difference::mark(&self.text(text), &self.text(base)),
        }
    }

    /// The value in one line: a name by the whole of it, anything else by its parts.
    pub(super) fn one_line(&self, value: &FieldValue, order: &[String]) -> String {
        if let Some(full) = value.part(FULL) {
            return self.text(full);
        }
        self.lines(value, value, order).iter().map(Line::text).collect::<Vec<_>>().join(", ")
    }

    /// The differences in words. Of a name only the whole counts where that differs: its parts repeat it.
    pub(super) fn differences(&self, statement: &Statement) -> Vec<String> {
        let found = &statement.differences;
        let parts = found.iter().filter(|(part, _)| !found.contains_key(FULL) || *part == FULL);
        parts.map(|(part, differences)| self.said(part, differences)).collect()
    }

    fn said(&self, part: &str, differences: &[Difference]) -> String {
        let words = differences.iter().map(|difference| {
            let (vi, en) = difference.words();
            self.language.pick(vi, en)
        });
        let words = words.collect::<Vec<_>>().join("; ");
        if part.is_empty() { words } else { format!("{}: {words}", vocabulary::part(part, self.language)) }
    }

    /// A code by its name, a date as written in Viet Nam, any other text as it is.
    fn text(&self, text: &str) -> String {
        let found = text.split_once(':').and_then(|(list, code)| {
            let list = self.rules.codes.get(list)?;
            Some((list, list.codes.get(code)?))
        });
        if let Some((list, name)) = found {
            let english = name.en.as_deref().filter(|_| self.language == Language::English);
            return self.of_its_time(english.unwrap_or(&name.vi), list);
        }
        // Only whole dates: a number of four digits may be a year or anything else, and reads the same.
        match text.parse::<PartialDate>() {
            Ok(_) => vocabulary::date(text),
            Err(_) => text.to_owned(),
        }
    }

    /// A name of a list that has ended says so: the same name may mean another place since.
    fn of_its_time(&self, name: &str, list: &CodeList) -> String {
        match list.valid.to {
            Some(last) => {
                let until = self.language.pick("đến", "until");
                format!("{name} ({until} {})", vocabulary::date(&last.to_string()))
            }
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_dates_are_put_into_words() {
        let rules = Rules::embedded().unwrap();
        for (text, vi, en) in [
            ("sex:2", "Nữ", "female"),
            ("ethnicity_1979:01", "Kinh", "Kinh"),
            ("sex:9", "sex:9", "sex:9"),
            ("commune_2025:00008", "Phường Ngọc Hà", "Phường Ngọc Hà"),
            ("commune_2004:00016", "Phường Ngọc Hà (đến 30/06/2025)", "Phường Ngọc Hà (until 30/06/2025)"),
            ("http://x", "http://x", "http://x"),
            ("1954-03-17", "17/03/1954", "17/03/1954"),
            ("1954", "1954", "1954"),
            ("Lê An", "Lê An", "Lê An"),
        ] {
            for (language, want) in [(Language::Vietnamese, vi), (Language::English, en)] {
                assert_eq!(Words { rules: &rules, language }.text(text), want);
            }
        }
    }

    #[test]
    fn a_name_is_one_line_by_its_whole() {
        let rules = Rules::embedded().unwrap();
        let words = Words { rules: &rules, language: Language::Vietnamese };
        let order = ["full", "family", "given"].map(ToOwned::to_owned);
        let name = FieldValue::parts([
            ("given", "An".to_owned()),
            ("family", "Lê".to_owned()),
            ("full", "Lê An".to_owned()),
        ]);
        assert_eq!(words.one_line(&name, &order), "Lê An");
        let labels: Vec<_> =
            words.lines(&name, &name, &order).into_iter().map(|line| line.label.unwrap()).collect();
        assert_eq!(labels, ["Họ và tên", "Họ", "Tên"]);
    }
}
