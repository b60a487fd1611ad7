//! The service: one session after another, until the process drains or a human is needed.

use crate::claim;
use crate::config::Config;
use crate::context::Context;
use crate::halt::Halt;
use service_runtime::backoff::{Backoff, Policy};
use service_runtime::{Running, Runtime};
use std::time::{Duration, Instant};

/// Between two looks at a source that another instance has: the time a takeover may take.
const STANDBY: Policy =
    Policy { initial: Duration::from_millis(400), cap: Duration::from_secs(2), max_attempts: None };
/// Between two attempts at something that is away.
const AWAY: Policy =
    Policy { initial: Duration::from_millis(200), cap: Duration::from_secs(10), max_attempts: None };
/// A session that lasted this long begins the next series of waits anew.
const LASTING: Duration = Duration::from_secs(30);

/// Captures the source until the runtime drains. Returns an error of class Configuration where a human is needed.
pub fn run(config: Config, runtime: Runtime) -> Running {
    Box::pin(serve(config, runtime))
}

async fn serve(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let ready = runtime.readiness.check("source");
    let drain = runtime.drain.clone();
    let context = Context::new(config, runtime)?;
    let (mut away, mut standby) = (Backoff::new(AWAY), Backoff::new(STANDBY));
    let mut is_standby = false;
    while !drain.is_requested() {
        let began = Instant::now();
        let halt = match drain.unless_requested(Box::pin(claim::open(&context))).await {
            None => break,
            Some(Ok(session)) => {
                is_standby = false;
                ready.set(true);
                match Box::pin(session.run()).await {
                    Ok(()) => break,
                    Err(halt) => halt,
                }
            }
            Some(Err(halt)) => halt,
        };
        if began.elapsed() > LASTING {
            away.reset();
        }
        let again = match halt {
            Halt::Refused(_) => {
                ready.set(false);
                context.measures.error("source", "refused");
                return Err(halt.into_error());
            }
            Halt::Standby(why) => {
                // Ready to take over is what a standby is for.
                ready.set(true);
                if !std::mem::replace(&mut is_standby, true) {
                    tracing::info!(why, "standing by");
                }
                standby.wait(&drain).await
            }
            Halt::Lost(_) | Halt::Unfit(_) => {
                ready.set(false);
                is_standby = false;
                context.measures.error("source", "lost");
                tracing::warn!(
                    error = format!("{:#}", halt.into_error()),
                    "the session with the source ended; trying again"
                );
                away.wait(&drain).await
            }
        };
        if !again {
            break;
        }
    }
    ready.set(false);
    Ok(())
}
