//! A synthetic population: seeded, with real-world names, families and numbers, as four agencies would have it on file,
//! each with its own codes, spellings and mistakes. No real person.

mod chance;
mod civil_status;
mod families;
mod households;
mod identity;
mod layout;
mod load;
#[cfg(test)]
mod mapping_tests;
mod medical;
mod names;
mod numbers;
mod papers;
mod person;
mod places;
mod rates;
mod residence;
mod spelling;
mod table;
#[cfg(test)]
mod tests;

pub use chance::Chance;
pub use identity::{ISSUER_SINCE_2024, expiry};
pub use load::{SOURCES, SourceDatabases, load};
pub use medical::BLOOD;
pub use names::{Name, ethnicity_of_newer, name, newer_ethnicity};
pub use numbers::{Act, pin};
pub use person::{Community, Household, Person};
pub use places::{Codes, Place, house};
pub use rates::Rates;
pub use spelling::{Precision, compact, day_first, iso, unaccented};
pub use table::{Layout, TableRows};

use chrono::NaiveDate;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// People known to the databases, the lately dead included.
    pub people: usize,
    /// The same seed gives the same people.
    pub seed: u64,
    /// The day on which the databases are as they are.
    pub today: NaiveDate,
    /// How often each trap occurs.
    pub rates: Rates,
}

/// The people and the rows about them.
#[derive(Clone, Debug)]
pub struct Population {
    /// The people as they are.
    pub community: Community,
    /// The rows of each table, in an order in which they can be loaded.
    pub tables: Vec<TableRows>,
}

/// What a source is to hold after loading, for a test to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Rows in mapped tables.
    pub rows: u64,
    /// Those of them that cannot be mapped.
    pub quarantined: u64,
}

/// Makes a population; each part has its own stream of chance, so that one more draw in one does not change the others.
pub fn generate(plan: &Plan) -> Population {
    generate_with(plan, |_, _| {})
}

/// The same; `mark` may change the people, by number, before any office writes about them.
pub fn generate_with(plan: &Plan, mut mark: impl FnMut(usize, &mut Person)) -> Population {
    let stream = |n| Chance::new(plan.seed, n);
    let (today, rates) = (plan.today, &plan.rates);
    let mut community = families::grow(plan.people, today, rates, &mut stream(1));
    community.people.iter_mut().enumerate().for_each(|(number, person)| mark(number, person));
    households::settle(&mut community, today, &mut stream(2));
    let mut numbers = papers::issue(&mut community, today, rates, &mut stream(3));
    let mut tables = civil_status::rows(&community, &mut numbers, today, rates, &mut stream(4));
    tables.extend(residence::rows(&community, today, rates, &mut stream(5)));
    tables.extend(identity::rows(&community, today, rates, &mut stream(6)));
    tables.extend(medical::rows(&community, today, rates, &mut stream(7)));
    Population { community, tables }
}

impl Population {
    /// Expected counts of a source.
    pub fn expected(&self, source: &str) -> Expected {
        let mapped = self.tables.iter().filter(|t| t.layout.source == source && t.layout.entity.is_some());
        mapped.fold(Expected::default(), |sum, table| Expected {
            rows: sum.rows + table.rows,
            quarantined: sum.quarantined + table.quarantined,
        })
    }

    /// The rows of one table.
    pub fn table(&self, name: &str) -> Option<&TableRows> {
        self.tables.iter().find(|table| table.layout.table == name)
    }
}
