//! registry-store.
