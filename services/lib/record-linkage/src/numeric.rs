//! Counts as real numbers.

/// Counts of records and pairs stay far below 2^53, where a real number still tells neighbours apart.
#[expect(clippy::cast_precision_loss, reason = "counts of pairs stay below 2^53")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}

/// A place in a list as it is kept in compact tables. Tables hold fewer than 2^32 records; a longer one is refused.
pub(crate) fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// A kept place as an index.
pub(crate) const fn wide(place: u32) -> usize {
    place as usize
}
