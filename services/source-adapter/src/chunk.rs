//! Reads one chunk of rows again, between two marks in the source's log.

use crate::config::Config;
use crate::halt::Halt;
use crate::mapping::TablePlan;
use crate::mapping::file::TableSpec;
use crate::postgres::{Control, RowBuffer, copy_rows, quote_literal, quote_name, quote_table};
use crate::redrive::{Chunk, Scope, Task, Visibility};
use crate::requests::WATERMARK;

/// What is read, and how its rows' keys are told.
#[derive(Clone, Debug)]
pub(crate) struct ChunkRead {
    pub(crate) id: String,
    pub(crate) task: Task,
    pub(crate) spec: TableSpec,
    pub(crate) plan: TablePlan,
}

/// Writes the low mark, reads the rows with their visibility, writes the high mark. On a connection of its own: the marks
/// and the read must not wait for anything else of the session.
pub(crate) async fn read(config: Config, read: ChunkRead) -> Result<Chunk, Halt> {
    let mut control = Control::open(&config).await?;
    control.emit(WATERMARK, &format!("low:{}", read.id)).await?;
    let snapshot = control.enter_own_snapshot().await?;
    let visibility = Visibility::parse(&snapshot)
        .ok_or_else(|| Halt::lost("source: pg_current_snapshot() gave something else than xmin:xmax:xip"))?;
    let limit = config.limits.chunk_rows.max(1);
    let query = select(&read, limit);
    let mut rows = Vec::new();
    let mut last = Vec::new();
    let mut buffer = RowBuffer::default();
    let mut lines = copy_rows(&mut control, &query).await?;
    while let Some(line) = lines.next().await? {
        if let Ok(row) = buffer.fill_line(&line) {
            let key = read.plan.row_key(row).unwrap_or_else(|_| read.plan.no_key());
            last = read.plan.key_cells(row);
            rows.push((key, line));
        }
    }
    drop(lines);
    control.leave().await?;
    control.emit(WATERMARK, &format!("high:{}", read.id)).await?;
    control.close().await;
    let more = matches!(read.task.scope, Scope::After(_)) && rows.len() >= limit;
    let rest = more.then_some(Task { entity: read.task.entity, scope: Scope::After(last) });
    Ok(Chunk { visibility, rows, rest })
}

/// The chunk's rows. Keys are compared in the columns' own types where the key is one column, as text where it is joined.
fn select(read: &ChunkRead, limit: usize) -> String {
    let columns: Vec<String> = read.plan.columns().iter().map(|column| quote_name(column)).collect();
    let (columns, table) = (columns.join(", "), quote_table(&read.spec.table));
    let key: Vec<String> = read.spec.key.iter().map(|column| quote_name(column)).collect();
    let list = |texts: &[String]| texts.iter().map(|text| quote_literal(text)).collect::<Vec<_>>().join(", ");
    let order = key.join(", ");
    match &read.task.scope {
        Scope::Keys(keys) => {
            let joined = match key.as_slice() {
                [column] => column.clone(),
                several => {
                    let texts: Vec<String> =
                        several.iter().map(|column| format!("btrim({column}::text)")).collect();
                    texts.join(" || '-' || ")
                }
            };
            let keys = if keys.is_empty() { "null".to_owned() } else { list(keys) };
            format!("select {columns} from {table} where {joined} in ({keys})")
        }
        Scope::After(cursor) if cursor.is_empty() => {
            format!("select {columns} from {table} order by {order} limit {limit}")
        }
        Scope::After(cursor) => {
            let cursor = list(cursor);
            format!(
                "select {columns} from {table} where ({order}) > ({cursor}) order by {order} limit {limit}"
            )
        }
    }
}
