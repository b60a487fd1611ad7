//! How PostgreSQL plans what a service asks.

/// Session settings for a service whose statements all find rows by keys that it gives in arrays. One plan serves arrays of any
/// length, made once; and it must be the plan for large tables even while they are empty: a plan made before the first load
/// would read whole tables through all of it.
pub const BY_KEY: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Hardly any key is looked up twice by one statement: remembering what was found only costs.
    ("enable_memoize", "off"),
    ("jit", "off"),
];

/// The same where a statement also joins what it was given with what another part of it returns: by hash, or five hundred rows are
/// compared with five hundred.
pub const BY_INDEX: [(&str, &str); 3] =
    [("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("jit", "off")];
