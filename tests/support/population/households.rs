//! Who lives with whom: one residence file per household.

use super::chance::Chance;
use super::person::{Community, Couple, Household, Person};
use super::places::{Place, house};
use chrono::NaiveDate;

/// Puts every known person into exactly one household; young couples choose first and take in a widowed parent.
pub(super) fn settle(community: &mut Community, today: NaiveDate, chance: &mut Chance) {
    let mut settlement = Settlement { community, today, chance, placed: Vec::new(), households: Vec::new() };
    settlement.placed = vec![false; settlement.community.people.len()];
    for couple in (0..settlement.community.couples.len()).rev() {
        settlement.couple(couple);
    }
    for person in 0..settlement.community.people.len() {
        settlement.alone(person);
    }
    community.households = settlement.households;
}

struct Settlement<'a> {
    community: &'a mut Community,
    today: NaiveDate,
    chance: &'a mut Chance,
    placed: Vec<bool>,
    households: Vec<Household>,
}

impl Settlement<'_> {
    /// The person, if still to be placed.
    fn free(&self, index: usize) -> Option<&Person> {
        let placed = self.placed.get(index).copied().unwrap_or(true);
        self.community.people.get(index).filter(|person| person.known && !placed)
    }

    fn living(&self, index: usize) -> bool {
        self.community.people.get(index).is_some_and(|person| person.alive(self.today))
    }

    fn couple(&mut self, index: usize) {
        let Some(couple) = self.community.couples.get(index).cloned() else { return };
        if couple.divorced.is_some_and(|day| day <= self.today) {
            // The children stay with her; he is placed alone.
            let her = [(couple.wife, "CH")].into_iter().chain(self.young(&couple));
            let members: Vec<_> = her.filter(|(i, _)| self.free(*i).is_some()).collect();
            return self.open(members, couple.place, couple.married);
        }
        let spouses = if self.living(couple.husband) || !self.living(couple.wife) {
            [(couple.husband, "CH"), (couple.wife, "VO")]
        } else {
            [(couple.wife, "CH"), (couple.husband, "CG")]
        };
        let mut members: Vec<_> = spouses.into_iter().filter(|(i, _)| self.free(*i).is_some()).collect();
        members.extend(self.young(&couple));
        members.extend(self.widowed_parent(&couple));
        self.open(members, couple.place, couple.married);
    }

    /// Unmarried children who still live at home.
    fn young(&mut self, couple: &Couple) -> Vec<(usize, &'static str)> {
        let mut young = Vec::new();
        for child in &couple.children {
            let age = self
                .free(*child)
                .filter(|person| person.couple.is_none())
                .map(|person| person.age(self.today));
            if age.is_some_and(|age| age < 28 || self.chance.hit(0.5)) {
                young.push((*child, "CO"));
            }
        }
        young
    }

    fn widowed_parent(&mut self, couple: &Couple) -> Option<(usize, &'static str)> {
        let parents = self.community.people.get(couple.husband)?.parents?;
        let (index, relation) = match (self.living(parents.father), self.living(parents.mother)) {
            (true, false) => (parents.father, "BO"),
            (false, true) => (parents.mother, "ME"),
            (true, true) | (false, false) => return None,
        };
        (self.free(index).is_some() && self.living(couple.husband) && self.chance.hit(0.5))
            .then_some((index, relation))
    }

    fn alone(&mut self, index: usize) {
        let Some(person) = self.free(index) else { return };
        let (place, since) = (person.birthplace, person.birthday(20).min(self.today).max(person.born));
        let place =
            if self.chance.hit(0.08) { Place::in_city(self.chance) } else { place.nearby(self.chance) };
        self.open(vec![(index, "CH")], place, since);
    }

    /// Opens a file; the head is somebody alive, where anybody is.
    fn open(&mut self, mut members: Vec<(usize, &'static str)>, place: Place, since: NaiveDate) {
        if let Some(head) = members.iter().position(|(i, _)| self.living(*i)) {
            members.swap(0, head);
        }
        let Some(first) = members.first_mut() else { return };
        first.1 = "CH";
        for (member, relation) in members.iter_mut().skip(1) {
            if let Some(placed) = self.placed.get_mut(*member) {
                *placed = true;
            }
            if *relation == "CH" {
                *relation = "KH";
            }
        }
        if let Some(placed) = members.first().and_then(|(i, _)| self.placed.get_mut(*i)) {
            *placed = true;
        }
        let file_no = format!("{}.{:07}", place.province_since_2025(), self.households.len() + 1);
        self.households.push(Household { file_no, place, house: house(self.chance), since, members });
    }
}
