//! The statements that an inbox file comes to.

use crate::bring::Brought;
use crate::inbox::{Inbox, Item};
use chrono::{DateTime, NaiveDate, Utc};
use service_runtime::quoted_identifier;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

/// Bound to one inbox; the names were checked when its file was read.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    items: Vec<Item>,
    /// $1 group, $2 topics, $3 partitions; gives topic, partition, next offset, owner's epoch.
    pub(crate) claim: String,
    /// The same; locks them.
    pub(crate) fence: String,
    /// $1 group, $2 topics, $3 partitions, $4 next offsets.
    pub(crate) advance: String,
    upsert: String,
}

impl Statements {
    pub(crate) fn new(inbox: &Inbox) -> Self {
        let name = |name: &str| quoted_identifier(name).unwrap_or_default();
        let (table, positions) = (name(&inbox.table), name(&inbox.positions));
        let columns = &inbox.columns;
        let key = [&columns.record_key, &columns.outcome, &columns.field].map(|c| name(c)).join(", ");
        let others = columns.others();
        let mut arrays = vec!["$1::text[]".to_owned(), "$2::text[]".to_owned(), "$3::text[]".to_owned()];
        let mut all = vec![key.clone()];
        let mut set = Vec::new();
        for (n, (item, column)) in others.iter().enumerate() {
            let array = match item {
                Item::Deadline => "date[]",
                Item::AnsweredAt => "timestamptz[]",
                Item::Pin | Item::Detail | Item::Value | Item::Reason | Item::WayOut => "text[]",
            };
            arrays.push(format!("${}::{array}", n + 4));
            all.push(name(column));
            set.push(format!("{0} = excluded.{0}", name(column)));
        }
        let action =
            if set.is_empty() { "nothing".to_owned() } else { format!("update set {}", set.join(", ")) };
        Self {
            items: others.into_iter().map(|(item, _)| item).collect(),
            claim: format!(
                "insert into {positions} as p (consumer_group, topic, partition, owner_epoch) \
                 select $1, topic, partition, 1 from unnest($2::text[], $3::int[]) as t (topic, partition) order by 2, 3 \
                 on conflict (consumer_group, topic, partition) do update set owner_epoch = p.owner_epoch + 1 \
                 returning topic, partition, next_offset, owner_epoch"
            ),
            fence: format!(
                "select p.topic, p.partition, p.next_offset, p.owner_epoch \
                 from unnest($2::text[], $3::int[]) as t (topic, partition) \
                 join {positions} p on p.consumer_group = $1 and p.topic = t.topic and p.partition = t.partition \
                 order by p.topic, p.partition for update of p"
            ),
            advance: format!(
                "update {positions} p set next_offset = t.next_offset \
                 from unnest($2::text[], $3::int[], $4::bigint[]) as t (topic, partition, next_offset) \
                 where p.consumer_group = $1 and p.topic = t.topic and p.partition = t.partition"
            ),
            upsert: format!(
                "insert into {table} ({}) select * from unnest({}) order by 1, 2, 3 on conflict ({key}) do {action}",
                all.join(", "),
                arrays.join(", ")
            ),
        }
    }

    /// Writes answers, each key once, over what was there.
    pub(crate) async fn write(
        &self,
        connection: &mut PgConnection,
        inbox: &Inbox,
        answers: &[&Brought],
    ) -> Result<(), sqlx::Error> {
        let text = |of: fn(&Brought) -> Option<&str>| answers.iter().map(|one| of(one)).collect::<Vec<_>>();
        let coded = |of: fn(&Brought) -> Option<&str>| {
            answers.iter().map(|one| of(one).map(|code| inbox.text_of(code))).collect::<Vec<_>>()
        };
        let mut query = sqlx::query(AssertSqlSafe(self.upsert.as_str()))
            .bind(text(|one| Some(one.answer.record_key.as_str())))
            .bind(text(|one| Some(one.answer.outcome.as_str())))
            .bind(text(|one| Some(one.answer.field.as_deref().unwrap_or_default())));
        for item in &self.items {
            query = match item {
                Item::Pin => query.bind(text(|one| one.answer.pin.as_deref())),
                Item::Detail => query.bind(text(|one| one.answer.detail.as_deref())),
                Item::Value => query.bind(text(|one| one.answer.value.as_deref())),
                Item::Reason => query.bind(coded(|one| one.answer.reason.as_deref())),
                Item::WayOut => query.bind(coded(|one| one.answer.way_out.as_deref())),
                Item::Deadline => query
                    .bind(answers.iter().map(|one| one.answer.deadline).collect::<Vec<Option<NaiveDate>>>()),
                Item::AnsweredAt => {
                    query.bind(answers.iter().map(|one| one.answered_at).collect::<Vec<DateTime<Utc>>>())
                }
            };
        }
        query.execute(connection).await?;
        Ok(())
    }
}
