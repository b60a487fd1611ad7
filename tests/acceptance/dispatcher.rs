//! From person images to topics and sector databases: real Kafka, registry and PostgreSQL, dispatchers in this process.

mod broken;
mod delivery;
mod drift;
mod holders;
mod ledger;
mod marking;
mod release;
mod world;
