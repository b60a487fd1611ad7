//! disclosure-store.
