//! `cargo xtask life`: something happens in one life on a running demo, and each hop of it is told.

mod account;
mod options;

pub(crate) use options::Options;

use crate::demo::today;
use acceptance::follow::{Follower, Late, Places};
use acceptance::life::LifeStream;
use acceptance::population::SourceDatabases;
use account::Account;
use options::Form;
use prerequisites::{Unavailable, say};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// A change is through within a second where nothing is in its way; behind a long queue it may take longer than this, and
/// then whoever asks should look at the demo, not wait on.
const WAIT: Duration = Duration::from_mins(1);
/// `EX_TEMPFAIL`: not through within the time.
const EXIT_LATE: u8 = 75;

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let places = open(&options.state).await?;
    let sources = places.sources.clone();
    let follower = Follower::new(places);
    let mut account = Account::begin(&options);
    match live(&follower, sources, &options, &mut account).await {
        Ok(()) => {
            account.end(true)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is::<Late>() => {
            account.end(false)?;
            say(format_args!("{error}"));
            Ok(ExitCode::from(EXIT_LATE))
        }
        Err(error) => Err(error),
    }
}

/// The demo's parts.
async fn open(state: &Path) -> anyhow::Result<Places> {
    let file = state.join("addresses.json");
    let start = format!("start one and keep it running: cargo xtask demo --state {}", state.display());
    let Ok(text) = std::fs::read_to_string(&file) else {
        let reason = format!("no demo runs here: there is no {}; {start}", file.display());
        return Err(Unavailable(reason).into());
    };
    Places::open(&text).await.map_err(|error| {
        Unavailable(format!("the demo of {} does not answer: {error:#}; {start}", file.display())).into()
    })
}

/// The chosen event, then what the other offices do about it, one after another.
async fn live(
    follower: &Follower,
    sources: SourceDatabases,
    options: &Options,
    account: &mut Account,
) -> anyhow::Result<()> {
    let seed = options.seed.unwrap_or_else(from_clock);
    let mut life = LifeStream::open(sources, seed, today()).await?;
    let mut marks = follower.mark().await?;
    let mut next = Some(life.apply(options.event).await?);
    while let Some(applied) = next {
        account.step(&applied);
        if options.follow {
            follower.follow(&marks, &applied, WAIT, &mut |hop| account.hop(hop)).await?;
            marks = follower.mark().await?;
        }
        next = life.settle_next().await?;
    }
    if options.form == Form::Text && !options.follow {
        say("written; --follow tells each hop until every sector that may know has it");
    }
    Ok(())
}

/// Other people each time.
fn from_clock() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() ^ u64::from(since.subsec_nanos()))
}
