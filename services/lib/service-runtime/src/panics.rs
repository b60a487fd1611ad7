//! What a panic may say: where it happened, never what it held.

use std::io::Write as _;
use std::panic::PanicHookInfo;

/// From here on a panic says its place and the type of its payload, in the log or, before logging begins, on standard
/// error. Its text stays unsaid: an assertion's message may quote a person's value.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let payload_type = payload_type(panic);
        if tracing::dispatcher::has_been_set() {
            tracing::error!(location = %place, payload_type, "panic");
        } else {
            // Without a place to write to, the exit code alone has to do.
            writeln!(std::io::stderr().lock(), "panic at {place} with a payload of type {payload_type}").ok();
        }
    }));
}

fn payload_type(panic: &PanicHookInfo<'_>) -> &'static str {
    if panic.payload().is::<&'static str>() {
        "&str"
    } else if panic.payload().is::<String>() {
        "String"
    } else {
        "other"
    }
}
