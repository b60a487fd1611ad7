//! source-adapter.
