//! steward-console.
