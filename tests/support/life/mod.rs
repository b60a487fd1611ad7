//! Life goes on: a seeded stream of events, each written into the right source database as the agency would, office after
//! office: the hospital's notice, the registrar's act, the number from the identity office, the residence file.

mod birth;
mod civil_status;
mod correction;
mod event;
mod identity;
mod medical;
mod residence;
mod subject;
#[cfg(test)]
mod tests;

pub use event::{AppliedEvent, LifeEvent, WrittenRow};

use crate::population::{Chance, SourceDatabases};
use chrono::NaiveDate;
use std::collections::VecDeque;

/// The next office hears of an event after so many others.
const OFFICE_LAG: u64 = 5;
/// People are drawn until one fits the event; a population without one is told so after that many.
const DRAWS: u32 = 50;

/// What another office still has to do about an event.
#[derive(Clone, Debug)]
enum FollowUp {
    /// The identity office issues the number for a birth act.
    IssuePin { birth: i64, mother: i64 },
    /// The commune police put a child into the mother's household.
    RegisterChild { birth: i64, mother: i64, pin: String },
    /// The commune police end a dead person's registration.
    EndResidence { citizen: i64 },
    /// The commune police hear of a marriage or divorce.
    NoteMaritalStatus { citizens: [i64; 2], status: &'static str },
    /// The identity office and the commune police take over a correction.
    Adopt { pin: String, name: String, born: String },
}

/// The stream of life.
#[derive(Debug)]
pub struct LifeStream {
    databases: SourceDatabases,
    chance: Chance,
    today: NaiveDate,
    citizens: i64,
    passed: u64,
    pending: VecDeque<(u64, LifeEvent, FollowUp)>,
}

impl LifeStream {
    /// A stream over filled source databases; the same seed over the same databases brings the same life.
    pub async fn open(databases: SourceDatabases, seed: u64, today: NaiveDate) -> anyhow::Result<Self> {
        let citizens = subject::highest_citizen(&databases.residence).await?;
        let chance = Chance::new(seed, 100);
        Ok(Self { databases, chance, today, citizens, passed: 0, pending: VecDeque::new() })
    }

    /// The offices' calendar moves on.
    pub const fn set_today(&mut self, today: NaiveDate) {
        self.today = today;
    }

    /// The next thing that happens: another office's part of an earlier event, or something new.
    pub async fn next(&mut self) -> anyhow::Result<AppliedEvent> {
        self.passed += 1;
        if self.pending.front().is_some_and(|(due, _, _)| *due <= self.passed)
            && let Some((_, event, follow_up)) = self.pending.pop_front()
        {
            return self.follow(event, follow_up).await;
        }
        let event = self.chance.weighted(&LifeEvent::WEIGHTS).unwrap_or(LifeEvent::Contact);
        self.apply(event).await
    }

    /// Lets one chosen event happen; what other offices do about it comes with [`Self::next`] or [`Self::settle`].
    pub async fn apply(&mut self, event: LifeEvent) -> anyhow::Result<AppliedEvent> {
        match event {
            LifeEvent::Birth => self.birth().await,
            LifeEvent::Death => self.death().await,
            LifeEvent::Marriage => self.marriage().await,
            LifeEvent::Divorce => self.divorce().await,
            LifeEvent::Move => self.household_moves().await,
            LifeEvent::SplitHousehold => self.split_household().await,
            LifeEvent::TemporaryResidence => self.temporary_residence().await,
            LifeEvent::Absence => self.absence().await,
            LifeEvent::Contact => self.contact().await,
            LifeEvent::NewCard => self.new_card().await,
            LifeEvent::ReissuePin => self.reissue_pin().await,
            LifeEvent::Correct => self.correct().await,
            LifeEvent::Rename => self.rename().await,
            LifeEvent::BloodTest => self.blood_test().await,
            LifeEvent::Disagree => self.disagree().await,
            LifeEvent::Junk => self.junk().await,
        }
    }

    /// Lets all offices finish what they have heard of, so that nothing is under way any more.
    pub async fn settle(&mut self) -> anyhow::Result<Vec<AppliedEvent>> {
        let mut applied = Vec::new();
        while let Some(step) = self.settle_next().await? {
            applied.push(step);
        }
        Ok(applied)
    }

    /// Lets the next office finish what it has heard of; none when nothing is under way any more.
    pub async fn settle_next(&mut self) -> anyhow::Result<Option<AppliedEvent>> {
        match self.pending.pop_front() {
            Some((_, event, follow_up)) => Ok(Some(self.follow(event, follow_up).await?)),
            None => Ok(None),
        }
    }

    async fn follow(&mut self, event: LifeEvent, follow_up: FollowUp) -> anyhow::Result<AppliedEvent> {
        match follow_up {
            FollowUp::IssuePin { birth, mother } => self.issue_pin(birth, mother).await,
            FollowUp::RegisterChild { birth, mother, pin } => self.register_child(birth, mother, pin).await,
            FollowUp::EndResidence { citizen } => self.end_residence(citizen).await,
            FollowUp::NoteMaritalStatus { citizens, status } => {
                self.note_marital_status(event, citizens, status).await
            }
            FollowUp::Adopt { pin, name, born } => self.adopt(event, &pin, &name, &born).await,
        }
    }

    /// Another office will hear of it.
    fn tell(&mut self, event: LifeEvent, follow_up: FollowUp) {
        self.pending.push_back((self.passed + OFFICE_LAG, event, follow_up));
    }
}
