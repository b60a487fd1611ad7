//! reconciler.
