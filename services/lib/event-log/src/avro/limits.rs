//! What one message may hold at most. The encoder refuses what the decoder would refuse.

/// Bytes of one text: above any item of the catalogue by two orders, below any broker's limit on a message.
pub const TEXT_BYTES: usize = 256 * 1024;
/// Fields of one record: the catalogue has dozens.
pub const FIELDS: usize = 1024;
/// Identifiers of one record: persons have a handful.
pub const IDENTIFIERS: usize = 256;
/// Reason codes of one marker.
pub const REASONS: usize = 256;
/// Tables of one source.
pub const TABLES: usize = 4096;
/// Ids that one person has absorbed; a merge beyond it is a fault that a steward must see.
pub const ABSORBED: usize = 65_536;
/// Numbers of one person.
pub const PINS: usize = 1024;
/// Lists within lists of one value.
pub const VALUE_DEPTH: usize = 8;
/// Parts of one value, or items of one list in it.
pub const VALUE_PARTS: usize = 4096;
