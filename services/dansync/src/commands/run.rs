//! `dansync run SERVICE`: one service as the whole of a process.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;
use service_runtime::config::{self, Loaded};
use service_runtime::logging::{self, LogFormat};
use service_runtime::metrics::{Label, LabelSets, catalogue};
use service_runtime::{AdminConfig, ExitClass, HumanDuration, Running, Runtime, admin};
use tracing::Instrument as _;

/// `dansync run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dansync run reconciler --config /etc/dansync/reconciler.toml --log-format json"
)]
pub(crate) struct Run {
    /// The service.
    #[arg(value_enum)]
    service: Service,
    /// The service's configuration (TOML); `DANSYNC_SECTION__KEY` in the environment goes over it.
    #[arg(long, value_name = "FILE", env = "DANSYNC_CONFIG")]
    config: PathBuf,
    /// `text` or `json`; without it text on a terminal, JSON otherwise.
    #[arg(long, value_name = "FORMAT", env = "DANSYNC_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// The longest time between the request to end and the end.
    #[arg(long, value_name = "DURATION", default_value = "25s")]
    grace: HumanDuration,
}

/// The services, in the order of the data's flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Captures a database and publishes its records.
    SourceAdapter,
    /// Attaches and merges records into persons.
    Reconciler,
    /// Authorises and delivers what each agreement may have.
    Dispatcher,
    /// Brings answers into a table of a source's own database.
    SourceInbox,
    /// Shows open cases and takes the stewards' decisions.
    StewardConsole,
}

impl Service {
    /// The service's name in logs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SourceAdapter => "source-adapter",
            Self::Reconciler => "reconciler",
            Self::Dispatcher => "dispatcher",
            Self::SourceInbox => "source-inbox",
            Self::StewardConsole => "steward-console",
        }
    }
}

impl Run {
    /// Starts the service and returns when it has ended.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self.service {
            Service::SourceAdapter => {
                self.start(|config: &source_adapter::Config| &config.admin, source_adapter::run)
            }
            Service::Reconciler => self.start(|config: &reconciler::Config| &config.admin, reconciler::run),
            Service::Dispatcher => self.start(|config: &dispatcher::Config| &config.admin, dispatcher::run),
            Service::SourceInbox => {
                self.start(|config: &source_inbox::Config| &config.admin, source_inbox::run)
            }
            Service::StewardConsole => {
                self.start(|config: &steward_console::Config| &config.admin, steward_console::run)
            }
        }
    }

    /// Configuration, secrets and logging come first and without threads: what is wrong with them is said on standard
    /// error before anything has begun.
    fn start<C: DeserializeOwned>(
        &self,
        admin: impl FnOnce(&C) -> &AdminConfig,
        service: impl FnOnce(C, Runtime) -> Running,
    ) -> anyhow::Result<()> {
        let Loaded { config, hash } =
            config::load_with_environment::<C>(&self.config, config::environment())?;
        logging::init(self.log_format.unwrap_or_else(LogFormat::for_terminal))
            .context(ExitClass::Configuration)?;
        let executor = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting the threads of the service")?;
        let span = tracing::info_span!("service", service = self.service.name());
        let outcome = executor.block_on(
            Runtime::run(self.grace.get(), async |runtime| {
                let info = runtime.metrics.gauges(&catalogue::CONFIG_INFO, LabelSets::none());
                info.with([Label::id(&hash)]).set(1.0);
                admin::serve(admin(&config), &runtime).await?;
                tracing::info!(version = env!("CARGO_PKG_VERSION"), config_hash = hash, "the service starts");
                // As a task of its own: what wakes it then runs on the same thread, where the one that waits here would have
                // to be woken by the system.
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the service as a whole, waited for in the next line"
                )]
                let running = tokio::spawn(service(config, runtime).in_current_span());
                match running.await {
                    Ok(ended) => ended?,
                    // Its text may quote a person's value: the panic goes on as one, which the hook has told of.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
                tracing::info!("the service has ended");
                Ok(())
            })
            .instrument(span),
        );
        // A thread that still blocks after the drain's end must not hold the process.
        executor.shutdown_background();
        outcome
    }
}
