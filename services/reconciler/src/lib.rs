//! From the sources' topics to the population registry.
//!
//! One batch of messages is one transaction (design §6): [`keep`](mod@keep) what was received → [`attach`](mod@attach)
//! records to anchors → [`identify`](mod@identify): anchors to persons → [`merge`](mod@merge) whom that touches →
//! [`commit`](mod@commit) with the consumer's positions. Beside it run what is [`due`](mod@due), the first
//! [`load`](mod@load), the [`sweep`](mod@sweep) after a snapshot, the [`matcher`](mod@matcher) of what no number places, and
//! the business [`day`](mod@day).
//!
//! Laws kept here:
//! - a position moves only with its effects, under the owner's epoch;
//! - the outcome is a function of the latest versions, decisions, rules and day, in whatever order they came;
//! - whatever loses against another transaction is repeated from its beginning.

mod alone;
mod answer;
mod apply;
mod attach;
mod attaching;
mod commit;
mod config;
mod consume;
mod day;
mod due;
mod figures;
mod former;
mod gather;
mod giving_way;
mod identify;
mod incoming;
mod keep;
mod links;
mod load;
mod matcher;
mod matcher_standing;
mod membership;
mod merge;
mod metrics;
mod named;
mod rebuild;
mod recall;
mod reconciler;
mod register;
mod reporter;
mod reports;
mod resembling;
mod ruled;
mod rules;
mod run;
mod settle;
mod sweep;
mod take_over;
mod take_over_present;
mod whole_topic;

pub use alone::{LAST_SESSIONS, NotAlone, open_alone, wait_alone};
pub use apply::{Applied, Summary};
pub use config::{BatchConfig, Config, MatchingConfig};
pub use incoming::{Body, Incoming, IncomingMessage};
pub use matcher::{MatchModel, Matched};
pub use rebuild::Rebuilt;
pub use reconciler::{Reconciler, Settings};
pub use registry_store::{LoadStage, Outcomes, StoreError};
pub use run::run;
pub use take_over::{TakeOverError, TakenOver};
pub use take_over_present::PresentTaken;
