//! What must hold at the source before anything is captured; every fault at once, each with the command that heals it.

use crate::halt::{Halt, Refusal};
use crate::mapping::Mapping;
use crate::mapping::file::TableSpec;
use crate::postgres::Control;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// `attnames` and row filters of publications appeared here.
const OLDEST_SERVER: i32 = 150_000;

/// The columns of each mapped table, in the order in which the stream sends them.
pub(crate) type TableColumns = BTreeMap<String, Vec<String>>;

/// Checks the source against the mapping and gives the tables' columns.
pub(crate) async fn check(control: &mut Control, mapping: &Mapping) -> Result<TableColumns, Halt> {
    let mut faults = Vec::new();
    server(control, &mut faults).await?;
    if !faults.is_empty() {
        return Err(Halt::Refused(faults));
    }
    publication(control, mapping, &mut faults).await?;
    let mut columns = TableColumns::new();
    for table in &mapping.file().tables {
        if let Some(found) = check_table(control, mapping, table, &mut faults).await? {
            if let Err(wrong) = mapping.compile(table, &found) {
                faults.extend(wrong.iter().map(|fault| Refusal::Mapping(fault.to_string())));
            }
            columns.insert(table.table.clone(), found);
        }
    }
    if faults.is_empty() { Ok(columns) } else { Err(Halt::Refused(faults)) }
}

async fn server(control: &mut Control, faults: &mut Vec<Refusal>) -> Result<(), Halt> {
    let row = sqlx::query(
        "select current_setting('server_version_num')::int, current_setting('server_version'), \
         current_setting('wal_level'), current_user::text, \
         (select rolreplication or rolsuper from pg_roles where rolname = current_user)",
    )
    .fetch_one(control.connection())
    .await?;
    if row.try_get::<i32, _>(0)? < OLDEST_SERVER {
        faults.push(Refusal::ServerVersion(row.try_get(1)?));
    }
    let wal_level: String = row.try_get(2)?;
    if wal_level != "logical" {
        faults.push(Refusal::WalLevel(wal_level));
    }
    if row.try_get::<Option<bool>, _>(4)? != Some(true) {
        faults.push(Refusal::RoleReplication(row.try_get(3)?));
    }
    Ok(())
}

async fn publication(
    control: &mut Control,
    mapping: &Mapping,
    faults: &mut Vec<Refusal>,
) -> Result<(), Halt> {
    let publication = &mapping.file().publication;
    let row = sqlx::query(
        "select pubinsert, pubupdate, pubdelete, pubtruncate from pg_publication where pubname = $1",
    )
    .bind(publication)
    .fetch_optional(control.connection())
    .await?;
    let Some(row) = row else {
        let tables: Vec<&str> = mapping.file().tables.iter().map(|t| t.table.as_str()).collect();
        faults.push(Refusal::PublicationMissing {
            publication: publication.clone(),
            tables: tables.join(", "),
        });
        return Ok(());
    };
    let all = ["insert", "update", "delete", "truncate"];
    let wanted = if mapping.is_envelope() { all.get(..1).unwrap_or_default() } else { all.as_slice() };
    let mut missing = Vec::new();
    for (column, operation) in wanted.iter().enumerate() {
        if !row.try_get::<bool, _>(column)? {
            missing.push(*operation);
        }
    }
    if !missing.is_empty() {
        faults.push(Refusal::PublicationOperations {
            publication: publication.clone(),
            missing: missing.join(", "),
            wanted: wanted.join(", "),
        });
    }
    Ok(())
}

async fn check_table(
    control: &mut Control,
    mapping: &Mapping,
    spec: &TableSpec,
    faults: &mut Vec<Refusal>,
) -> Result<Option<Vec<String>>, Halt> {
    let (schema, name) = spec.table.split_once('.').unwrap_or(("public", &spec.table));
    let (table, publication) = (spec.table.clone(), mapping.file().publication.clone());
    let row = sqlx::query(
        "select c.relreplident = 'f', c.relkind = 'p', p.pubviaroot, has_table_privilege(c.oid, 'select'), \
         current_user::text, t.attnames is not null, t.rowfilter is not null, \
         array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 \
               and not a.attisdropped and a.attgenerated = '' and a.attname = any(t.attnames) order by a.attnum) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         left join pg_publication p on p.pubname = $3 \
         left join pg_publication_tables t on t.pubname = $3 and t.schemaname = n.nspname and t.tablename = c.relname \
         where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')",
    )
    .bind(schema)
    .bind(name)
    .bind(&publication)
    .fetch_optional(control.connection())
    .await?;
    let Some(row) = row else {
        faults.push(Refusal::TableMissing(table));
        return Ok(None);
    };
    let via_root: Option<bool> = row.try_get(2)?;
    if row.try_get(1)? && via_root == Some(false) {
        faults.push(Refusal::PartitionRoot { table: table.clone(), publication: publication.clone() });
    }
    if !mapping.is_envelope() && !row.try_get::<bool, _>(0)? {
        faults.push(Refusal::ReplicaIdentity { table: table.clone() });
    }
    if !row.try_get::<bool, _>(3)? {
        faults.push(Refusal::Privilege { table: table.clone(), role: row.try_get(4)? });
    }
    if row.try_get(6)? {
        faults.push(Refusal::RowFilter { table: table.clone(), publication: publication.clone() });
    }
    let published: bool = row.try_get(5)?;
    if !published {
        // Without the publication itself, one fault says it.
        if via_root.is_some() {
            faults.push(Refusal::TableUnpublished { table, publication });
        }
        return Ok(None);
    }
    Ok(Some(row.try_get(7)?))
}
