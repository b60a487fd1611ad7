//! Named points at which a test may end the process, as if the machine had been switched off.
//!
//! With the feature `crash-points`, `DANSYNC_CRASH_POINT=name` aborts at the first pass of that point, `name:3` at the
//! third. Without the feature a point costs nothing.

/// Marks a point by name: `crash_point!("capture.after-kafka-commit")`.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::crash::pass($name)
    };
}

/// What [`crash_point!`](crate::crash_point) calls.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn pass(_name: &'static str) {}

/// What [`crash_point!`](crate::crash_point) calls.
#[cfg(feature = "crash-points")]
pub fn pass(name: &'static str) {
    armed::pass(name);
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The one armed point and the passes still to let through.
    #[derive(Debug)]
    pub(super) struct Armed {
        name: String,
        remaining: AtomicU64,
    }

    impl Armed {
        pub(super) fn parse(text: &str) -> Self {
            let (name, count) = match text.rsplit_once(':') {
                Some((name, count)) => (name, count.parse().unwrap_or(1)),
                None => (text, 1),
            };
            Self { name: name.to_owned(), remaining: AtomicU64::new(count) }
        }

        /// Whether this pass is the one to end at.
        pub(super) fn is_due(&self, name: &str) -> bool {
            self.name == name && self.remaining.fetch_sub(1, Ordering::SeqCst) == 1
        }
    }

    pub(super) fn pass(name: &'static str) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let armed =
            ARMED.get_or_init(|| std::env::var("DANSYNC_CRASH_POINT").ok().map(|text| Armed::parse(&text)));
        if armed.as_ref().is_some_and(|armed| armed.is_due(name)) {
            tracing::error!(point = name, "crash point reached: the process ends here");
            std::process::abort();
        }
    }
}

#[cfg(all(test, feature = "crash-points"))]
mod tests {
    use super::armed::Armed;

    #[test]
    fn only_the_named_pass_is_due() {
        let armed = Armed::parse("merge.before-commit:2");
        assert!(!armed.is_due("merge.before-commit"));
        assert!(!armed.is_due("another"));
        assert!(armed.is_due("merge.before-commit"));
        assert!(!armed.is_due("merge.before-commit"));
    }
}
