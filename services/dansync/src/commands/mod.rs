//! The commands, one file a noun. A new noun is a file here, a variant of [`Command`] and an arm of its `execute`.

mod agreement;
mod agreement_sheet;
mod case;
mod case_decide;
mod case_sheet;
mod config;
mod console;
mod control;
mod day;
mod feedback;
mod load;
mod matching;
mod migrate;
mod quarantine;
mod registry;
mod registry_explain;
mod registry_history;
mod registry_moment;
mod registry_rebuild;
mod registry_secret;
mod rules;
mod rules_diff;
mod rules_file;
mod rules_rehearse;
mod rules_sheet;
mod run;
mod source;
mod source_audit;
mod sweep;

use clap::Subcommand;

/// What `dansync` is asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one service until it is asked to end.
    Run(run::Run),
    /// Check a service's configuration without starting it.
    #[command(subcommand)]
    Config(config::Config),
    /// Make or update the tables of a database and give its roles their rights; for the database's owner.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Look at, audit and steer a captured database.
    #[command(subcommand)]
    Source(source::Source),
    /// Rows that could not be mapped.
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    /// What a snapshot no longer showed.
    #[command(subcommand)]
    Sweep(sweep::SweepCommand),
    /// The registry's first load.
    #[command(subcommand)]
    Load(load::Load),
    /// Persons, as the registry knows them.
    #[command(subcommand)]
    Registry(registry::Registry),
    /// Record linkage over any table.
    #[command(subcommand)]
    Match(matching::Match),
    /// The business date.
    #[command(subcommand)]
    Day(day::Day),
    /// The rules by which records are merged.
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Open questions, and what stewards decide about them.
    #[command(subcommand)]
    Case(case::Case),
    /// Reports of errors in the data, and what became of them.
    #[command(subcommand)]
    Feedback(feedback::Feedback),
    /// The stewards' console.
    #[command(subcommand)]
    Console(console::Console),
    /// Agreements: what which subscriber may have.
    #[command(subcommand)]
    Agreement(agreement::AgreementCommand),
}

impl Command {
    /// Does it.
    pub(crate) fn execute(self) -> anyhow::Result<()> {
        match self {
            Self::Run(run) => run.execute(),
            Self::Config(config) => config.execute(),
            Self::Migrate(migrate) => migrate.execute(),
            Self::Source(source) => source.execute(),
            Self::Quarantine(quarantine) => quarantine.execute(),
            Self::Sweep(sweep) => sweep.execute(),
            Self::Load(load) => load.execute(),
            Self::Registry(registry) => registry.execute(),
            Self::Match(matching) => matching.execute(),
            Self::Day(day) => day.execute(),
            Self::Rules(rules) => rules.execute(),
            Self::Case(case) => case.execute(),
            Self::Feedback(feedback) => feedback.execute(),
            Self::Console(console) => console.execute(),
            Self::Agreement(agreement) => agreement.execute(),
        }
    }
}
