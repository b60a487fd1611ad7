//! Waking lanes: at once within the process, by NOTIFY across instances.
//!
//! Only a hint: whoever misses one finds the work at the next look.

use crate::run::Shared;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

/// The channel; its payload is the sending instance.
const CHANNEL: &str = "dansync_delivery";

/// Counts passes at which something was authorised.
#[derive(Clone, Debug)]
pub(crate) struct Wake {
    /// In this process.
    own: watch::Sender<u64>,
    /// In any.
    any: watch::Sender<u64>,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self { own: watch::Sender::new(0), any: watch::Sender::new(0) }
    }

    /// Something was authorised here, and is committed.
    pub(crate) fn authorised(&self) {
        self.own.send_modify(|n| *n += 1);
        self.any.send_modify(|n| *n += 1);
    }

    /// For lanes: changes when something was authorised anywhere.
    pub(crate) fn lanes(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }
}

/// Tells the other instances. Never in the authorising transaction: PostgreSQL commits notifying transactions one by one.
pub(crate) async fn announce(shared: Shared) -> anyhow::Result<()> {
    let mut own = shared.wake.own.subscribe();
    while let Some(Ok(())) = shared.drain.unless_requested(own.changed()).await {
        let told = sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(shared.instance.to_string())
            .execute(&shared.pool)
            .await;
        if let Err(error) = told {
            tracing::debug!(error = %disclosure_store::StoreError::from(error), "other instances were not told");
        }
    }
    Ok(())
}

/// Hears the other instances.
pub(crate) async fn listen(shared: Shared) -> anyhow::Result<()> {
    let mut listener = PgListener::connect_with(&shared.pool).await?;
    listener.listen(CHANNEL).await?;
    let own = shared.instance.to_string();
    while let Some(heard) = shared.drain.unless_requested(listener.recv()).await {
        if heard?.payload() != own {
            shared.wake.any.send_modify(|n| *n += 1);
        }
    }
    Ok(())
}
