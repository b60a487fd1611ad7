//! The account after each fault: source = registry = sector by count and digest, each release on the ledger once with one
//! outcome, holdings equal to what the sectors and the readers of the topics have, by reference and by content.

use acceptance::pipeline::{AGREEMENTS, Deployment, Summary, audit, kafka, project};
use acceptance::stack::Stack;
use anyhow::Context as _;
use dispatcher::SectorMapping;
use event_log::{MessageReader, SchemaRegistry, SchemaRegistryConfig, UnknownFields};
use registry_rules::{
    Agreement, AgreementState, ContentHash, MasterKey, PersonId, PersonImage, ReferenceKey, ReleaseContext,
    release, release_hash,
};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::seen::Columns;

/// What must hold of deliveries, ledger and holdings whatever happened; each question counts what breaks it.
const STATEMENTS: [(&str, &str); 9] = [
    (
        "deliveries without their ledger entry",
        "select count(*) from delivery d left join ledger_entry l using (ref, mode, release_no)
         where l.entry_id is null or l.entry_id <> d.entry_id or l.agreement <> d.agreement",
    ),
    (
        "ledger entries without delivery",
        "select count(*) from ledger_entry l left join delivery d using (ref, mode, release_no)
         where l.release_no is not null and d.ref is null",
    ),
    (
        "releases that are on the ledger more than once",
        "select count(*) from (select from ledger_entry where release_no is not null
                               group by ref, mode, release_no having count(*) > 1) twice",
    ),
    (
        "persons whose release numbers have a gap",
        "select count(*) from (select from delivery group by ref, mode
                               having min(release_no) <> 1 or max(release_no) <> count(*)) gaps",
    ),
    ("deliveries without outcome", "select count(*) from delivery where outcome is null"),
    ("payloads that outlived their outcome", "select count(*) from delivery where payload is not null"),
    ("references that stand for two persons",
     "select count(*) from (select from delivery group by ref having count(distinct person_id) > 1) two"),
    (
        "holdings at another release than the last",
        "select count(*) from holding h left join lateral (
             select release_no, event from delivery d
             where d.agreement = h.agreement and d.person_id = h.person_id order by release_no desc limit 1) d on true
         where h.release_no <> coalesce(d.release_no, 0) or h.member <> coalesce(d.event <> 'left', false)",
    ),
    (
        "modes that have other releases than the other",
        "select count(*) from (select from delivery group by agreement, person_id, release_no having count(*) <> 2) odd",
    ),
];

/// The differences that were found; none: it adds up.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) summary: Summary,
    pub(super) differences: Vec<String>,
}

/// What an agreement should have of a person.
struct Expected {
    columns: Columns,
    hash: ContentHash,
}

/// Takes the account when everything has come through.
pub(super) async fn take(
    stack: &Stack,
    deployment: &Deployment,
    within: Duration,
) -> anyhow::Result<Account> {
    let summary = audit(stack, deployment, within).await?;
    let mut differences = summary.differences.clone();
    let disclosure = deployment.registries.disclosure.administrator().await?;
    for (what, question) in STATEMENTS {
        let count: i64 = sqlx::query_scalar(question).fetch_one(&disclosure).await?;
        if count > 0 {
            differences.push(format!("{count} {what}"));
        }
    }
    let images = images(stack, deployment, &disclosure).await?;
    let key = std::fs::read_to_string(deployment.options.dir.join("services/disclosure.key"))?;
    let master = MasterKey::from_hex(&key)?;
    for agreement in AGREEMENTS {
        let references = master.references(agreement);
        let expected = expected(&disclosure, agreement, &references, &images).await?;
        holdings(&disclosure, agreement, &references, &expected, &mut differences).await?;
        sector(deployment, agreement, &expected, &mut differences).await?;
        guards(&disclosure, deployment, agreement, &mut differences).await?;
        topic(stack, deployment, agreement, &expected, &mut differences).await?;
    }
    Ok(Account { summary, differences })
}

/// Every person as the disclosure side has them; that it has them as the registry does is the audit's matter.
async fn images(
    stack: &Stack,
    deployment: &Deployment,
    disclosure: &PgPool,
) -> anyhow::Result<Vec<PersonImage>> {
    let schemas = SchemaRegistry::new(&SchemaRegistryConfig {
        url: stack.apicurio.url().to_owned(),
        cache_dir: deployment.options.dir.join("services/schema-ids"),
    });
    let mut reader: MessageReader<PersonImage> = MessageReader::new(schemas, UnknownFields::LeaveOut);
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("select image from person_state").fetch_all(disclosure).await?;
    let mut images = Vec::with_capacity(stored.len());
    for bytes in stored {
        images.push(reader.read_payload(&bytes, None).await?);
    }
    Ok(images)
}

/// By reference, from nothing but the persons, the agreement's file and the business date.
async fn expected(
    disclosure: &PgPool,
    agreement: &str,
    references: &ReferenceKey,
    images: &[PersonImage],
) -> anyhow::Result<BTreeMap<String, Expected>> {
    let file = std::fs::read_to_string(project().join(format!("schemas/agreements/{agreement}.toml")))?;
    let parsed =
        Agreement::parse(&file, &dispatcher::catalogue()?).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let day = sqlx::query_scalar("select business_date from business_day").fetch_one(disclosure).await?;
    let ever: Vec<PersonId> =
        sqlx::query_scalar("select person_id from holding where agreement = $1 and release_no > 0")
            .bind(agreement)
            .fetch_all(disclosure)
            .await?;
    let ever: BTreeSet<PersonId> = ever.into_iter().collect();
    let context = ReleaseContext { state: AgreementState::Active };
    let mut expected = BTreeMap::new();
    for image in images {
        let released = release(image, &parsed, context, day);
        if released.member {
            let absorbed = image.absorbed.iter().filter(|id| ever.contains(id));
            let absorbed = absorbed.map(|id| references.reference(*id)).collect();
            let hash = release_hash(&released.columns, &absorbed, 1);
            let one = Expected { columns: released.columns, hash };
            expected.insert(references.reference(image.person_id), one);
        }
    }
    Ok(expected)
}

/// Writes down who is on one side only, and who differs.
fn compare<T: PartialEq>(
    what: &str,
    have: &BTreeMap<String, T>,
    want: &BTreeMap<String, T>,
    differences: &mut Vec<String>,
) {
    let missing = want.keys().filter(|key| !have.contains_key(*key)).count();
    let surplus = have.keys().filter(|key| !want.contains_key(*key)).count();
    let other = want.iter().filter(|(key, value)| have.get(*key).is_some_and(|have| have != *value)).count();
    if missing + surplus + other > 0 {
        differences
            .push(format!("{what}: {missing} missing, {surplus} too many, {other} with other content"));
    }
}

async fn holdings(
    disclosure: &PgPool,
    agreement: &str,
    references: &ReferenceKey,
    expected: &BTreeMap<String, Expected>,
    differences: &mut Vec<String>,
) -> anyhow::Result<()> {
    let held: Vec<(PersonId, Vec<u8>)> = sqlx::query_as(
        "select person_id, coalesce(content_hash, '') from holding where agreement = $1 and member",
    )
    .bind(agreement)
    .fetch_all(disclosure)
    .await?;
    let have = held.into_iter().map(|(person, hash)| (references.reference(person), hash)).collect();
    let want = expected.iter().map(|(key, one)| (key.clone(), one.hash.0.to_vec())).collect();
    compare(&format!("{agreement}: holdings"), &have, &want, differences);
    Ok(())
}

async fn sector(
    deployment: &Deployment,
    agreement: &str,
    expected: &BTreeMap<String, Expected>,
    differences: &mut Vec<String>,
) -> anyhow::Result<()> {
    let file = std::fs::read_to_string(project().join(format!("deploy/sectors/{agreement}.toml")))?;
    let mapping = SectorMapping::parse(&file)?;
    let pool = deployment.sectors.databases[agreement].administrator().await?;
    let columns: Vec<&str> = mapping.columns.values().map(|column| column.column.as_str()).collect();
    let sql = format!("select {}, array[{}] from {}", mapping.ref_column, columns.join(", "), mapping.table);
    let have: Vec<(String, Vec<Option<String>>)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&pool).await?;
    let want = expected.iter().map(|(key, one)| {
        let cells = mapping.columns.iter().map(|(field, column)| {
            let text = cell(field, &one.columns)?;
            column.codes.as_ref().map_or(Some(text.clone()), |codes| codes.get(&text).cloned())
        });
        (key.clone(), cells.collect::<Vec<_>>())
    });
    compare(&format!("{agreement}: sector rows"), &have.into_iter().collect(), &want.collect(), differences);
    Ok(())
}

/// What a sector's column is to hold: a column of the release, or one part of each element of a list.
fn cell(field: &str, columns: &Columns) -> Option<String> {
    let flat = |name: &str| name.trim_start_matches("npd.").replace('.', "_");
    if let Some(text) = columns.get(&flat(field)) {
        return Some(text.clone());
    }
    let (item, part) = field.rsplit_once('.')?;
    let list: serde_json::Value = serde_json::from_str(columns.get(&flat(item))?).ok()?;
    let parts: Vec<_> = list.as_array()?.iter().map(|element| element[part].clone()).collect();
    serde_json::to_string(&parts).ok()
}

/// The sector's guard stands at the last release that was delivered to it, of those who have left too.
async fn guards(
    disclosure: &PgPool,
    deployment: &Deployment,
    agreement: &str,
    differences: &mut Vec<String>,
) -> anyhow::Result<()> {
    let want: Vec<(String, i64)> = sqlx::query_as(
        "select ref, max(release_no) from delivery
         where agreement = $1 and mode = 'database' and outcome = 'delivered' group by ref",
    )
    .bind(agreement)
    .fetch_all(disclosure)
    .await?;
    let pool = deployment.sectors.databases[agreement].administrator().await?;
    // A seeded row is one that was asked about and never written.
    let sql = format!(
        "select ref, release_no from {} where release_no > 0",
        deployment.sectors.mappings[agreement].guard
    );
    let have: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&pool).await?;
    let (have, want) = (have.into_iter().collect(), want.into_iter().collect());
    compare(&format!("{agreement}: guard rows"), &have, &want, differences);
    Ok(())
}

async fn topic(
    stack: &Stack,
    deployment: &Deployment,
    agreement: &str,
    expected: &BTreeMap<String, Expected>,
    differences: &mut Vec<String>,
) -> anyhow::Result<()> {
    let messages = super::seen::messages(stack, &kafka(stack, deployment), agreement).await?;
    let mut have = BTreeMap::new();
    let mut last = BTreeMap::new();
    for message in messages.into_iter().filter(|message| message.key.len() == 32) {
        let Some(mut columns) = message.columns else {
            have.remove(&message.key);
            continue;
        };
        let number: u64 = columns.get("meta_release_no").context("a release has a number")?.parse()?;
        if last.insert(message.key.clone(), number).is_some_and(|before| before > number) {
            differences.push(format!("{agreement}: release {number} came after a later one in the topic"));
        }
        let leaves = columns.get("meta_event").is_some_and(|event| event == "left");
        columns.retain(|name, _| !name.starts_with("meta_"));
        if leaves {
            have.remove(&message.key)
        } else {
            have.insert(message.key, columns)
        };
    }
    let want = expected.iter().map(|(key, one)| (key.clone(), one.columns.clone())).collect();
    compare(&format!("{agreement}: topic"), &have, &want, differences);
    Ok(())
}
