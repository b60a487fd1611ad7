//! A model with its weights as a text: comments of the file that it was read from stay.

use crate::model::Model;
use crate::model_file::Weights;
use std::fmt::Write as _;

/// The text of a model file with the model's weights in place of those it had. Weights stand at its end.
pub fn write_model(text: &str, model: &Model) -> String {
    let Some(weights) = model.weights() else { return text.to_owned() };
    let kept: String = text.split_inclusive('\n').take_while(|line| !line.starts_with("[weights")).collect();
    let written = format!("{}\n\n{}", kept.trim_end(), section(weights));
    // A file whose weights stand elsewhere than at the end loses its comments.
    match Model::read_file(&written) {
        Ok(file) if toml::to_string(&file) == toml::to_string(model.file()) => written,
        Ok(_) | Err(_) => model.to_toml(),
    }
}

fn section(weights: &Weights) -> String {
    let mut text =
        format!("[weights]\nversion = {}\nprior = {:e}\n", quoted(&weights.version), weights.prior);
    for (column, levels) in &weights.odds {
        let lines = levels.iter().fold(String::new(), |mut lines, (level, odds)| {
            writeln!(lines, "{} = {{ m = {:e}, u = {:e} }}", key(level), odds.m, odds.u).ok();
            lines
        });
        write!(text, "\n[weights.odds.{}]\n{lines}", key(column)).ok();
    }
    for (column, frequency) in &weights.frequency {
        let lines = frequency.values.iter().fold(String::new(), |mut lines, (value, share)| {
            writeln!(lines, "{} = {share:e}", key(value)).ok();
            lines
        });
        let (column, rest) = (key(column), frequency.rest);
        write!(
            text,
            "\n[weights.frequency.{column}]\nrest = {rest:e}\n\n[weights.frequency.{column}.values]\n{lines}"
        )
        .ok();
    }
    text
}

fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{PLAIN, model};

    #[test]
    fn comments_stay_and_weights_are_read_again() {
        let text = PLAIN.replacen("[columns]", "# What the columns hold.\n[columns]", 1);
        let first = model(&text).unwrap();
        let mut weights = first.weights().unwrap().clone();
        weights.frequency.entry("name".to_owned()).or_default().rest = 1e-6;
        weights.frequency.entry("name".to_owned()).or_default().values.insert("le \"hoa\"".to_owned(), 0.25);
        let changed = first.with_weights(weights);
        let written = write_model(&text, &changed);
        assert!(written.contains("# What the columns hold."), "{written}");
        assert_eq!(model(&written).unwrap().weights(), changed.weights());
        assert_eq!(write_model(&written, &changed), written);
    }
}
