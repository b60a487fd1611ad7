//! From links to persons: the strongest links first, and never over what keeps records apart.

use crate::decided::Decided;
use crate::judge::{Band, Judged, Reason, kept_apart};
use crate::numeric::{narrow, wide};
use crate::score::Scorer;

/// Records of one person at most: more are not one person but a fault in the data or the model.
const MOST_RECORDS: usize = 64;

/// The clusters of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// For each record the smallest record of its cluster.
    of: Vec<u32>,
    count: usize,
}

impl Clusters {
    /// The smallest record of a record's cluster.
    pub fn of(&self, record: u32) -> u32 {
        self.of.get(wide(record)).copied().unwrap_or(record)
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// By record.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> {
        self.of.iter().copied()
    }
}

/// Joins linked records. A link that must not join goes to review.
pub fn cluster(judged: &mut [Judged], scorer: &Scorer<'_>, decided: &Decided) -> Clusters {
    let mut order: Vec<usize> = (0..judged.len()).collect();
    order.retain(|place| judged.get(*place).is_some_and(|pair| pair.band == Band::Link));
    // Among equal weights the ids decide, which are the order of the table.
    order.sort_by(|a, b| {
        let (Some(a), Some(b)) = (judged.get(*a), judged.get(*b)) else { return a.cmp(b) };
        b.weight.total_cmp(&a.weight).then((a.left, a.right).cmp(&(b.left, b.right)))
    });
    let mut groups = Groups::new(scorer.table().len());
    for place in order {
        let Some(pair) = judged.get_mut(place) else { continue };
        if let Err(reason) = groups.join(pair.left, pair.right, |a, b| kept_apart(scorer, decided, a, b)) {
            (pair.band, pair.reason) = (Band::Review, reason);
        }
    }
    groups.into_clusters()
}

/// Groups of records; each is named by one of them.
struct Groups {
    name: Vec<u32>,
    members: Vec<Vec<u32>>,
}

impl Groups {
    fn new(records: usize) -> Self {
        Self {
            name: (0..narrow(records)).collect(),
            members: (0..narrow(records)).map(|r| vec![r]).collect(),
        }
    }

    fn members(&self, record: u32) -> (u32, &[u32]) {
        let name = self.name.get(wide(record)).copied().unwrap_or(record);
        (name, self.members.get(wide(name)).map_or(&[][..], Vec::as_slice))
    }

    fn join(&mut self, left: u32, right: u32, apart: impl Fn(u32, u32) -> bool) -> Result<(), Reason> {
        let ((one, own), (other, others)) = (self.members(left), self.members(right));
        if one == other {
            return Ok(());
        }
        if own.len() + others.len() > MOST_RECORDS {
            return Err(Reason::Crowded);
        }
        if own.iter().any(|a| others.iter().any(|b| apart(*a, *b))) {
            return Err(Reason::Conflict);
        }
        let (into, from) = (one.min(other), one.max(other));
        let moved = self.members.get_mut(wide(from)).map(std::mem::take).unwrap_or_default();
        for record in &moved {
            if let Some(name) = self.name.get_mut(wide(*record)) {
                *name = into;
            }
        }
        if let Some(members) = self.members.get_mut(wide(into)) {
            members.extend(moved);
        }
        Ok(())
    }

    /// A group's name is its smallest record: the smaller name stands at every join.
    fn into_clusters(self) -> Clusters {
        let count = self.members.iter().filter(|members| !members.is_empty()).count();
        Clusters { of: self.name, count }
    }
}
