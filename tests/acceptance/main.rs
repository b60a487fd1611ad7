//! The one program of all tests against the real parts. They share one stack, started by the first test that asks.
#![cfg_attr(
    test,
    expect(
        clippy::panic_in_result_fn,
        clippy::unwrap_in_result,
        reason = "a test gives on the errors of its tools and panics where what it shows does not hold"
    )
)]

#[cfg(test)]
mod cli;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod console;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod dispatcher;
#[cfg(test)]
mod event_log;
#[cfg(test)]
mod event_log_on_kafka;
#[cfg(test)]
mod life;
#[cfg(test)]
mod linkage;
#[cfg(test)]
mod reconciler;
#[cfg(test)]
mod source_adapter;
#[cfg(test)]
mod source_inbox;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod stack_kafka;
#[cfg(test)]
mod walk;
