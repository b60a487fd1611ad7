//! How many agreements hold what a case is about: all that the stewards' desk may learn of disclosure.

use crate::StoreError;
use crate::questions::grant_question;
use sqlx::PgPool;
use uuid::Uuid;

/// Who is asked about, and which item; without an item, whether anybody holds the person at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldersQuestion {
    /// Persons; an agreement that holds several of them counts once.
    pub persons: Vec<Uuid>,
    /// The item of the field catalogue.
    pub item: Option<String>,
}

/// Gives a role the right to ask [`holders_of`], and to nothing that it reads.
///
/// # Errors
/// When the role does not exist or `owner` does not own the function.
pub async fn grant_to_stewards(owner: &PgPool, role: &str) -> Result<(), StoreError> {
    grant_question(owner, role, "holders_of(integer[], uuid[], text[])").await
}

/// How many agreements hold what each question asks about, in the order of the questions.
pub async fn holders_of(pool: &PgPool, questions: &[HoldersQuestion]) -> Result<Vec<u32>, StoreError> {
    let (mut numbers, mut persons, mut items) = (Vec::new(), Vec::new(), Vec::new());
    for (number, question) in (0_i32..).zip(questions) {
        for person in &question.persons {
            numbers.push(number);
            persons.push(*person);
            items.push(question.item.as_deref());
        }
    }
    let mut counts = vec![0; questions.len()];
    if numbers.is_empty() {
        return Ok(counts);
    }
    let rows: Vec<(i32, i64)> = sqlx::query_as("select question, agreements from holders_of($1, $2, $3)")
        .bind(numbers)
        .bind(persons)
        .bind(items)
        .fetch_all(pool)
        .await?;
    for (number, count) in rows {
        if let Some(place) = usize::try_from(number).ok().and_then(|n| counts.get_mut(n)) {
            *place = u32::try_from(count).unwrap_or(u32::MAX);
        }
    }
    Ok(counts)
}
