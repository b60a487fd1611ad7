//! One column of the comparison: what a record says and where it comes from, in the reader's language.

use super::value_text::Words;
use crate::desk::{CaseSheet, NotTakeable, ReportLine, Statement};
use crate::difference::Word;
use crate::language::{Language, Texts};
use crate::rules::Rules;
use crate::vocabulary;
use registry_rules::{CITIZEN, PartialDate};

/// One record's column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) record_key: String,
    /// The key as it is shown: a number in it is masked.
    pub(super) shown_key: String,
    pub(super) source: String,
    pub(super) entity: String,
    pub(super) role: String,
    pub(super) lines: Vec<Line>,
    /// The value in one line, for the choice.
    pub(super) value: String,
    /// What differs, in words; empty where nothing does.
    pub(super) differences: Vec<String>,
    pub(super) stands: bool,
    /// 1 for the highest authority.
    pub(super) rank: Option<usize>,
    pub(super) not_takeable: Option<String>,
    pub(super) standing: &'static str,
    pub(super) act: Option<String>,
    pub(super) legal: Option<String>,
    pub(super) recorded: Option<String>,
    /// Where it is a report that the item is wrong.
    pub(super) report: Option<ReportText>,
}

/// A report in words.
#[derive(Debug)]
pub(super) struct ReportText {
    pub(super) reporter: String,
    pub(super) fault: &'static str,
    pub(super) explanation: Option<String>,
}

/// One part of a value.
#[derive(Debug)]
pub(super) struct Line {
    /// The part's name; none for a scalar.
    pub(super) label: Option<String>,
    pub(super) words: Vec<Word>,
}

impl Line {
    /// The text without marks.
    pub(super) fn text(&self) -> String {
        let word = |word: &Word| word.letters.iter().map(|run| run.text.as_str()).collect::<String>();
        self.words.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

impl Column {
    /// The columns of a sheet, each against what stands.
    pub(super) fn all(sheet: &CaseSheet, rules: &Rules, language: Language) -> Vec<Self> {
        let base = sheet.statements.iter().find(|statement| statement.stands).or(sheet.statements.first());
        let field = sheet.field.as_ref().and_then(|field| rules.catalogue.get(field));
        let order = field.map_or(&[][..], |field| &field.parts);
        sheet.statements.iter().map(|s| Self::of(s, base, order, &Words { rules, language })).collect()
    }

    fn of(statement: &Statement, base: Option<&Statement>, order: &[String], words: &Words<'_>) -> Self {
        let (key, language) = (&statement.record_key, words.language);
        let t = language.texts();
        let standing = base.map_or(&statement.value, |base| &base.value);
        // A report that proposes nothing has no value to show or to compare.
        let says = statement.report.as_ref().is_none_or(|report| report.proposes);
        Self {
            record_key: key.to_string(),
            shown_key: vocabulary::masked(key.as_str()),
            source: vocabulary::source(key.source(), language),
            entity: vocabulary::entity(key.entity(), language),
            role: vocabulary::role(key.role(), language),
            lines: if says { words.lines(&statement.value, standing, order) } else { Vec::new() },
            value: if says { words.one_line(&statement.value, order) } else { "–".to_owned() },
            differences: if says { words.differences(statement) } else { Vec::new() },
            stands: statement.stands,
            rank: statement.rank.map(|rank| rank + 1),
            not_takeable: statement.not_takeable.map(|why| match why {
                _ if statement.report.is_some() => t.report_not_taken.to_owned(),
                NotTakeable::NoAuthority => t.no_authority.to_owned(),
                NotTakeable::NotInEffect => vocabulary::standing(statement.standing, language).to_owned(),
                NotTakeable::NotYet => t.not_yet.to_owned(),
                NotTakeable::Key => t.key_not_carried.to_owned(),
            }),
            standing: vocabulary::standing(statement.standing, language),
            act: statement.act.as_ref().map(|act| act.act.clone()),
            legal: legal_time(statement),
            recorded: statement.recorded_at.map(vocabulary::moment),
            report: statement.report.as_ref().map(|report| ReportText::of(report, t)),
        }
    }
}

impl ReportText {
    fn of(report: &ReportLine, t: &Texts) -> Self {
        Self {
            reporter: match report.reporter.as_str() {
                CITIZEN => t.reported_by_citizen.to_owned(),
                agreement => format!("{} {agreement}", t.reported_by_agreement),
            },
            fault: vocabulary::fault(report.fault, t),
            explanation: report.explanation.clone(),
        }
    }
}

fn legal_time(statement: &Statement) -> Option<String> {
    let date = |date: PartialDate| vocabulary::date(&date.to_string());
    match (statement.valid_from, statement.valid_to) {
        (None, None) => None,
        (Some(from), None) => Some(date(from)),
        (from, Some(to)) => Some(format!("{} – {}", from.map(date).unwrap_or_default(), date(to))),
    }
}
