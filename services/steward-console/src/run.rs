//! The service: opens the desk, checks that its tables are there, serves the pages until the drain.

use crate::config::Config;
use crate::database;
use crate::desk::{Desk, record_due};
use crate::metrics::ConsoleMetrics;
use crate::pages::{App, PublicAddress, router};
use anyhow::Context as _;
use service_runtime::backoff::{Attempt, GaveUp, Policy, retry};
use service_runtime::{ExitClass, Fate, Running, Runtime};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the databases are asked whether they are there: the rhythm of scrapes.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked which undo windows are over: whoever waits for the end sees the decision recorded when it was told.
const WINDOWS_EVERY: Duration = Duration::from_secs(1);

/// Serves the console until the drain is requested.
///
/// # Errors
/// Configuration faults (exit 78), among them a database without the console's tables or a port in use; a task that
/// failed.
pub fn run(config: Config, runtime: Runtime) -> Running {
    Box::pin(serve(config, runtime))
}

async fn serve(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    config.check()?;
    let desk = Desk::open(&config, Arc::clone(&runtime.clock))?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listen: {} cannot be opened; free it or name another port", config.listen))
        .context(ExitClass::Configuration)?;
    let bound = listener.local_addr().context("reading the port's address")?;
    watch(&runtime, "console_database", desk.console.clone());
    watch(&runtime, "registry_database", desk.registry.clone());
    if !wait_for_tables(&desk, &runtime).await? {
        return runtime.tasks.join().await;
    }
    record_held(&desk, &runtime);
    let address = PublicAddress::of(config.public_url.as_deref(), bound);
    tracing::info!(console_url = address.url(), "the console is open");
    let metrics = ConsoleMetrics::new(&runtime.metrics);
    let app = App::new(desk, address, config.session.limits(), metrics);
    let drain = runtime.drain.clone();
    runtime.tasks.spawn("pages", Fate::EndsService, async move {
        let ending = async move { drain.requested().await };
        axum::serve(listener, router(app)).with_graceful_shutdown(ending).await.context("serving pages")
    });
    runtime.tasks.join().await
}

/// Waits until the console's database answers; false when the drain came first.
async fn wait_for_tables(desk: &Desk, runtime: &Runtime) -> anyhow::Result<bool> {
    let attempt =
        |error| if database::is_lasting(&error) { Attempt::Never(error) } else { Attempt::Again(error) };
    let ask = async || database::is_migrated(&desk.console).await.map_err(attempt);
    match retry(Policy::DEPENDENCY, &runtime.drain, "console database", ask).await {
        Ok(true) => Ok(true),
        Ok(false) => {
            Err(anyhow::anyhow!("console: the database has no console tables; migrate it as its owner"))
                .context(ExitClass::Configuration)
        }
        Err(GaveUp::Never(error)) => Err(error)
            .context(
                "console: the database refuses this role; make the role and grant it its rights as the owner",
            )
            .context(ExitClass::Configuration),
        Err(GaveUp::Exhausted(_) | GaveUp::Draining(_)) => Ok(false),
    }
}

/// Records held decisions when their undo windows are over; those of commands too.
fn record_held(desk: &Desk, runtime: &Runtime) {
    let (desk, drain) = (desk.clone(), runtime.drain.clone());
    runtime.tasks.spawn("undo_windows", Fate::EndsService, async move {
        let mut rhythm = tokio::time::interval(WINDOWS_EVERY);
        while drain.unless_requested(rhythm.tick()).await.is_some() {
            if let Err(error) = record_due(&desk).await {
                tracing::warn!(%error, "held decisions cannot be looked at; trying again");
            }
        }
        Ok(())
    });
}

/// Keeps a readiness check up to date.
fn watch(runtime: &Runtime, name: &'static str, pool: PgPool) {
    let check = runtime.readiness.check(name);
    let drain = runtime.drain.clone();
    runtime.tasks.spawn(name, Fate::EndsService, async move {
        let mut rhythm = tokio::time::interval(CHECK_EVERY);
        while drain.unless_requested(rhythm.tick()).await.is_some() {
            let answer = drain.unless_requested(sqlx::query("select 1").execute(&pool)).await;
            check.set(matches!(answer, Some(Ok(_))));
        }
        Ok(())
    });
}
