//! One comparison of persons with the agreements, inside the caller's transaction: the same step for a live change, a
//! birthday, an activation and a backfill.

use crate::agreements::{Agreements, InUse};
use crate::compare::{Comparing, compare};
use crate::metrics::{DispatcherMetrics, ErrorType, Stage, WithheldReason};
use crate::outgoing::{Change, Stamp, prepare};
use crate::run::Shared;
use chrono::NaiveDate;
use disclosure_store::{HoldingRow, StoreError, holdings_of, insert_releases, persons_by_id, write_holdings};
use event_log::{MessageReader, ReadError, UnknownFields};
use registry_rules::{
    LedgerKey, Lifecycle, PersonId, PersonImage, Release, ReleaseContext, release, release_hash,
};
use service_runtime::Clock;
use service_runtime::metrics::Label;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which agreements and which day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) business_date: NaiveDate,
    /// None for all.
    pub(crate) only: Option<&'a str>,
}

/// Compares; each task has its own.
#[derive(Debug)]
pub(crate) struct Comparer {
    pub(crate) reader: MessageReader<PersonImage>,
    agreements: Agreements,
    ledger: LedgerKey,
    clock: Arc<dyn Clock>,
    metrics: DispatcherMetrics,
}

type Holdings = BTreeMap<(PersonId, String), HoldingRow>;

/// What one comparison needs to know of persons beside those compared.
struct Surroundings {
    holdings: Holdings,
    /// Images of the persons that merged ids lead to.
    survivors: BTreeMap<PersonId, PersonImage>,
}

impl Comparer {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            reader: MessageReader::new(shared.schemas.clone(), UnknownFields::LeaveOut),
            agreements: Agreements::new(
                Arc::clone(&shared.catalogue),
                shared.master.clone(),
                shared.metrics.clone(),
            ),
            ledger: shared.master.ledger(),
            clock: Arc::clone(&shared.clock),
            metrics: shared.metrics.clone(),
        }
    }

    /// Compares stored persons by id; gives how many it could read.
    pub(crate) async fn compare_stored(
        &mut self,
        connection: &mut PgConnection,
        persons: &[PersonId],
        scope: Scope<'_>,
    ) -> Result<usize, CompareError> {
        let images = self.stored(connection, persons).await?;
        let read = images.len();
        self.compare(connection, images.into_values().collect(), scope).await?;
        Ok(read)
    }

    async fn stored(
        &mut self,
        connection: &mut PgConnection,
        persons: &[PersonId],
    ) -> Result<BTreeMap<PersonId, PersonImage>, CompareError> {
        let mut images = BTreeMap::new();
        for (person_id, bytes) in persons_by_id(connection, persons).await? {
            match self.reader.read_payload(&bytes, None).await {
                Ok(image) => {
                    images.insert(person_id, image);
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    self.metrics.failed(Stage::Processing, ErrorType::Unreadable);
                    tracing::error!(%error, "a stored person image cannot be read; it is compared with nothing");
                }
            }
        }
        Ok(images)
    }

    /// Compares these images, whose persons are locked, with every agreement in scope, and writes what follows. Says
    /// whether anything is to be sent.
    pub(crate) async fn compare(
        &mut self,
        connection: &mut PgConnection,
        persons: Vec<PersonImage>,
        scope: Scope<'_>,
    ) -> Result<bool, CompareError> {
        if persons.is_empty() {
            return Ok(false);
        }
        let mut in_use = self.agreements.in_use(connection).await?;
        in_use.retain(|one| scope.only.is_none_or(|name| name == one.row.agreement));
        let surroundings = self.surroundings(connection, &persons).await?;
        let stamp = Stamp { at: self.clock.now(), ledger: &self.ledger };
        let (mut holdings, mut prepared) = (Vec::new(), Vec::new());
        for person in &persons {
            for one in in_use.iter().filter(|one| one.row.state.is_compared()) {
                let compared = compare_one(person, one, &surroundings, scope.business_date);
                holdings.extend(compared.holding);
                if let Some(change) = compared.change {
                    count_fields(&self.metrics, person, one, &compared.release);
                    prepared.extend(prepare(&change.borrow(person, one, &compared.release), stamp));
                }
            }
        }
        if !holdings.is_empty() {
            write_holdings(connection, &holdings).await?;
        }
        if !prepared.is_empty() {
            insert_releases(connection, &prepared).await?;
        }
        Ok(!prepared.is_empty())
    }

    async fn surroundings(
        &mut self,
        connection: &mut PgConnection,
        persons: &[PersonImage],
    ) -> Result<Surroundings, CompareError> {
        let mut ids: BTreeSet<PersonId> = persons.iter().map(|p| p.person_id).collect();
        ids.extend(persons.iter().flat_map(|p| p.absorbed.iter().copied()));
        let ids: Vec<_> = ids.into_iter().collect();
        let holdings = holdings_of(connection, &ids)
            .await?
            .into_iter()
            .map(|row| ((row.person_id, row.agreement.clone()), row))
            .collect();
        let survivors: Vec<_> = persons.iter().filter_map(|p| p.merged_into).collect();
        let survivors =
            if survivors.is_empty() { BTreeMap::new() } else { self.stored(connection, &survivors).await? };
        Ok(Surroundings { holdings, survivors })
    }
}

/// What came of comparing one person with one agreement.
struct Compared {
    release: Release,
    holding: Option<HoldingRow>,
    change: Option<OwnedChange>,
}

struct OwnedChange {
    event: disclosure_store::Event,
    release_no: i64,
    absorbed: BTreeSet<String>,
    into: Option<String>,
}

impl OwnedChange {
    fn borrow<'a>(&'a self, person: &PersonImage, in_use: &'a InUse, release: &'a Release) -> Change<'a> {
        Change {
            person_id: person.person_id,
            in_use,
            release,
            event: self.event,
            release_no: self.release_no,
            absorbed: &self.absorbed,
            into: self.into.clone(),
        }
    }
}

fn compare_one(person: &PersonImage, one: &InUse, around: &Surroundings, day: NaiveDate) -> Compared {
    let (agreement, name) = (&one.compiled.agreement, one.row.agreement.as_str());
    let context = ReleaseContext { state: one.row.state };
    let release = release(person, agreement, context, day);
    let holding = around.holdings.get(&(person.person_id, name.to_owned()));
    let absorbed: BTreeSet<String> = person
        .absorbed
        .iter()
        .filter(|id| around.holdings.get(&(**id, name.to_owned())).is_some_and(|h| h.release_no > 0))
        .map(|id| one.compiled.references.reference(*id))
        .filter(|_| release.member)
        .collect();
    let hash = release_hash(&release.columns, &absorbed, one.generation());
    let comparing = Comparing {
        agreement: name,
        version: one.row.version,
        content_goes: one.row.state.lets_content_out(),
    };
    let difference = compare(comparing, person.person_id, holding, &release, hash);
    let release_no = difference.holding.as_ref().map_or(0, |h| h.release_no);
    let change = difference.event.map(|event| OwnedChange {
        event,
        release_no,
        absorbed,
        into: survivor(person, one, around, day),
    });
    Compared { release, holding: difference.holding, change }
}

/// The reference that a merged person is found under, where this agreement may have that person.
fn survivor(person: &PersonImage, one: &InUse, around: &Surroundings, day: NaiveDate) -> Option<String> {
    let into = person.merged_into.filter(|_| person.lifecycle == Lifecycle::Merged)?;
    let image = around.survivors.get(&into)?;
    let context = ReleaseContext { state: one.row.state };
    let member = release(image, &one.compiled.agreement, context, day).member;
    member.then(|| one.compiled.references.reference(into))
}

fn count_fields(metrics: &DispatcherMetrics, person: &PersonImage, one: &InUse, release: &Release) {
    let agreement = &one.compiled.agreement;
    let basis = format!("{}.v{}", agreement.name, agreement.version);
    let mut given = BTreeSet::new();
    for column in agreement.columns().iter().filter(|c| release.columns.contains_key(&c.name)) {
        if given.insert(column.item.as_str()) {
            let labels = [Label::id(&agreement.name), Label::id(column.item.item()), Label::id(&basis)];
            metrics.disclosed.with(labels).increment();
        }
    }
    let permitted: BTreeSet<_> = agreement.columns().iter().map(|c| &c.item).collect();
    for name in person.fields.keys().filter(|name| release.member && !permitted.contains(name)) {
        let labels = [Label::id(&agreement.name), Label::id(name.item()), WithheldReason::NoRule.into()];
        metrics.withheld.with(labels).increment();
    }
}

/// A comparison that could not be made now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// The disclosure database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A schema is not to be had.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<sqlx::Error> for CompareError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl CompareError {
    /// Lost against another transaction.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_contention())
    }

    /// Heals by itself.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_contention() || error.is_outage(),
            Self::Read(error) => error.is_transient(),
        }
    }
}
