//! How a failed command ends: one message and the exit code that outside programs rely on.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use service_runtime::ExitClass;
use service_runtime::runtime::EndedBySignal;

/// What a command's failure means beyond [`ExitClass`]; attached as context like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What was compared differs.
    Differs,
    /// Something changed meanwhile: look again and try again.
    TryAgain,
    /// Whoever asks may not.
    NotPermitted,
}

impl Verdict {
    const fn code(self) -> u8 {
        match self {
            Self::Differs => 3,
            Self::TryAgain => 75,
            Self::NotPermitted => 77,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Differs => "not equal",
            Self::TryAgain => "try again",
            Self::NotPermitted => "not permitted",
        })
    }
}

impl std::error::Error for Verdict {}

/// Says what failed, with every cause, and gives the exit code. Once logging has begun it is the log's last line, in
/// the log's form.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let code = code(error);
    if tracing::dispatcher::has_been_set() {
        tracing::error!(error = format!("{error:#}"), exit_code = code, "the process ends with an error");
    } else {
        // Without a place to write to, the exit code alone has to do.
        writeln!(std::io::stderr().lock(), "dansync: {error:#}").ok();
    }
    ExitCode::from(code)
}

fn code(error: &anyhow::Error) -> u8 {
    if let Some(signal) = error.downcast_ref::<EndedBySignal>() {
        return signal.0;
    }
    error.downcast_ref::<Verdict>().map_or_else(|| ExitClass::code_of(error), |verdict| verdict.code())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn each_class_has_its_code() {
        let classes = [
            (ExitClass::BadData, 65),
            (ExitClass::Unavailable, 69),
            (ExitClass::Bug, 70),
            (ExitClass::Configuration, 78),
        ];
        for (class, expected) in classes {
            assert_eq!(code(&anyhow!("cause").context(class).context("deeper")), expected);
        }
        for (verdict, expected) in
            [(Verdict::Differs, 3), (Verdict::TryAgain, 75), (Verdict::NotPermitted, 77)]
        {
            assert_eq!(code(&anyhow!("cause").context(verdict).context("deeper")), expected);
        }
        assert_eq!(code(&anyhow!("cause").context(EndedBySignal(143))), 143);
        assert_eq!(code(&anyhow!("cause")), 1);
    }
}
