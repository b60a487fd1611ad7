//! How frequent values are.

use crate::learn::rounded;
use crate::model::{Comparison, Model};
use crate::model_file::FrequencyFile;
use crate::numeric::{narrow, real, wide};
use crate::table::Table;
use std::collections::BTreeMap;

/// A value that fewer records share is not listed: the file must not name anybody.
const SHARED_BY: u64 = 10;
/// Values listed at most, the most frequent ones.
const LISTED: usize = 2_000;

/// Counts the values of the comparisons where frequency matters.
pub(crate) fn frequencies(table: &Table, model: &Model) -> BTreeMap<String, FrequencyFile> {
    let counted = model.comparisons.iter().filter(|comparison| comparison.frequency);
    counted.map(|comparison| (comparison.name.clone(), frequency(table, comparison))).collect()
}

fn frequency(table: &Table, comparison: &Comparison) -> FrequencyFile {
    let Some(values) = table.values.get(comparison.column) else { return FrequencyFile::default() };
    let mut by_value = vec![0_u64; values.distinct() + 1];
    for record in table.records() {
        if let Some(count) = by_value.get_mut(wide(table.cell(record, comparison.column))) {
            *count += 1;
        }
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (number, count) in by_value.iter().enumerate().skip(1) {
        if let Some(text) = values.plain(narrow(number)) {
            *counts.entry(text).or_default() += count;
        }
    }
    let total = counts.values().sum::<u64>().max(1);
    let mut ordered: Vec<(&str, u64)> = counts.into_iter().collect();
    ordered.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    let listed = ordered.iter().take(LISTED).take_while(|(_, count)| *count >= SHARED_BY).count();
    let (common, rare) = ordered.split_at_checked(listed).unwrap_or((&ordered, &[]));
    // How many share the value of a record whose value is not listed.
    let (sum, squares) = rare.iter().fold((0, 0), |(sum, squares), (_, n)| (sum + n, squares + n * n));
    let rest = if sum == 0 { 1.0 } else { real(squares) / real(sum) } / real(total);
    let values = common.iter().map(|(text, count)| ((*text).to_owned(), rounded(real(*count) / real(total))));
    FrequencyFile { rest: rounded(rest), values: values.collect() }
}
