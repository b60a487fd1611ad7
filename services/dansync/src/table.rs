//! Rows in columns, for people.

use std::io::{self, Write};

/// Between two columns.
const GAP: &str = "  ";

/// Writes rows under their headings, each column as wide as its widest cell. Without rows nothing is written.
pub(crate) fn write_table<const N: usize>(
    out: &mut dyn Write,
    headings: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut widths = headings.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    write_row(out, &headings, &widths)?;
    rows.iter().try_for_each(|row| write_row(out, &row.each_ref().map(String::as_str), &widths))
}

fn write_row<const N: usize>(out: &mut dyn Write, cells: &[&str; N], widths: &[usize; N]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', widest.saturating_sub(width(cell))));
        line.push_str(GAP);
    }
    writeln!(out, "{}", line.trim_end())
}

/// Letters are composed (NFC) and one column wide in what the registry holds.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        let row = |left: &str, right: &str| [left.to_owned(), right.to_owned()];
        write_table(&mut out, ["NAME", "N"], &[row("Kiểm", "1"), row("longer", "22")]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "NAME    N\nKiểm    1\nlonger  22\n");
    }

    #[test]
    fn nothing_has_no_headings() {
        let mut out = Vec::new();
        write_table(&mut out, ["NAME"], &[]).unwrap();
        assert!(out.is_empty());
    }
}
