//! Takes a source in hand: preconditions, claim, slot, log, position, in this order; then a snapshot where one is due.

use crate::batch::Resume;
use crate::capture::Capture;
use crate::context::Context;
use crate::envelope;
use crate::halt::Halt;
use crate::outbox::Outbox;
use crate::position::{self, Known, Start, decide, stored_form};
use crate::postgres::{Control, PgStream, lsn};
use crate::preconditions;
use crate::publish;
use crate::session::{Claimed, Session};
use crate::snapshot::SnapshotParts;
use event_log::{SourcePosition, TransactionalProducer};

/// The source's end of the claim.
struct Found {
    stream: PgStream,
    system_id: String,
    stored: Option<SourcePosition>,
    start: Start,
}

/// Claims the source and begins to stream.
pub(crate) async fn open(context: &Context) -> Result<Session<'_>, Halt> {
    let config = &context.config;
    let mut control = Control::open(config).await?;
    let columns = preconditions::check(&mut control, &context.mapping).await?;
    let publisher = publish::open(config, &context.mapping, &context.registry).await?;
    let Found { mut stream, system_id, stored, start } = find(context, &mut control).await?;
    // The source is ours; now the log, so that nothing of an older instance appears in it any more.
    let mut outbox =
        Outbox::new(TransactionalProducer::open(&config.kafka, &context.transactional_id()).await?);
    if position::read(&config.kafka, context.mapping.source()).await? != stored {
        return Err(Halt::lost("the instance before this one stored its position meanwhile"));
    }
    let envelopes = if context.mapping.is_envelope() {
        Some(envelope::open(config, &context.registry).await?)
    } else {
        None
    };
    let (epoch, mut resume, tasks) = match &start {
        Start::Snapshot { epoch, .. } => (*epoch, Resume::default(), Vec::new()),
        Start::Stream { epoch, resume, tasks } => (*epoch, *resume, tasks.clone()),
    };
    let mut capture = Capture::new(publisher, envelopes, epoch);
    if let Start::Snapshot { drop_slot, .. } = start {
        let (control, stream, outbox) = (&mut control, &mut stream, &mut outbox);
        let (capture, columns, system_id) = (&mut capture, &columns, system_id.as_str());
        let parts = SnapshotParts { context, control, stream, outbox, capture, columns, system_id };
        resume = parts.take(drop_slot).await?;
    }
    let (position, part) = stored_form(resume);
    tracing::info!(epoch, position = lsn(position), part, "streaming");
    Session::new(context, Claimed { control, stream, columns, system_id, outbox, capture, resume, tasks })
        .await
}

/// Claims the source's side and decides how to begin. A stream that goes on is started here: from then on nobody else can
/// have the slot.
async fn find(context: &Context, control: &mut Control) -> Result<Found, Halt> {
    let (config, slot, source) = (&context.config, context.slot(), context.mapping.source());
    if !control.claim(slot).await? {
        return Err(Halt::Standby("another instance has the source"));
    }
    // The slot is looked at before the position is read: what its owner acknowledged until now is stored by then.
    let found = control.slot(slot).await?;
    if found.as_ref().is_some_and(|slot| slot.active) {
        return Err(Halt::Standby("the replication slot is in use"));
    }
    let stored = position::read(&config.kafka, source).await?;
    let publication = &context.mapping.file().publication;
    let mut stream = PgStream::open(config, slot, publication, 0).await?;
    let system = stream.identify().await?;
    let (system_id, log_end) = (system.system_id, system.log_end);
    let (found, known_stored) = (found.as_ref(), stored.as_ref());
    let start = decide(&Known { source, slot, system_id: &system_id, log_end, found, stored: known_stored })?;
    if let Start::Stream { resume, .. } = &start {
        stream = PgStream::open(config, slot, publication, stored_form(*resume).0).await?;
        stream.start().await?;
    }
    Ok(Found { stream, system_id, stored, start })
}
