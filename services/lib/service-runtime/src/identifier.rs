//! Names of tables and columns that configuration gives.

/// PostgreSQL keeps no more bytes of a name.
const LONGEST: usize = 63;

/// Quotes a plain, possibly qualified, SQL identifier: lower-case letters, digits and `_`; none if it is anything else.
pub fn quoted_identifier(name: &str) -> Option<String> {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && part.len() <= LONGEST
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let parts: Vec<_> = name.split('.').collect();
    let good = parts.len() <= 2 && parts.iter().all(|part| plain(part));
    good.then(|| parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_quoted() {
        assert_eq!(quoted_identifier("hotich.hop_thu_den").as_deref(), Some("\"hotich\".\"hop_thu_den\""));
        assert_eq!(quoted_identifier(&"a".repeat(LONGEST)).map(|name| name.len()), Some(LONGEST + 2));
        for bad in ["", ".", "a.b.c", "a.", "A", "1a", "a b", "a\"b", "a;b", "ă", &"a".repeat(LONGEST + 1)] {
            assert_eq!(quoted_identifier(bad), None, "{bad}");
        }
    }
}
