//! service-runtime.
