//! What the civil-status offices have on file.

use super::chance::Chance;
use super::layout::{ADOPTIONS, BIRTHS, CHANGES, DEATHS, DIVORCES, MARRIAGES, OFFICES};
use super::numbers::{Act, Numbers};
use super::papers::NUMBERED_AT_BIRTH;
use super::person::{BirthRegistration, Change, Community, Couple, Former, Notice, Person};
use super::places::Place;
use super::rates::Rates;
use super::spelling::{Precision, day_first, typed};
use super::table::{Row, TableRows};
use chrono::{Datelike, NaiveDate};
use std::collections::BTreeMap;

/// Electronic books were made from the paper ones in those years.
const DIGITISED: (i32, i32) = (2019, 2023);

/// Adopted are the young (Law on Adoption 52/2010/QH12 art. 8).
const ADULT: i32 = 18;
/// Years between parent and child (art. 14).
const OLDER: i32 = 20;
/// Those whose birth the electronic books have, and whose number the act can name.
const ADOPTED_SINCE: i32 = 1990;
/// Of the couples asked, most are too young, too old or gone.
const COUPLES_ASKED: usize = 20;

fn may_be_adopted(person: &Person) -> bool {
    person.known && person.born.year() >= ADOPTED_SINCE && person.pin.is_some() && person.birth.is_some()
}

/// All tables of the source.
pub(super) fn rows(
    community: &Community,
    numbers: &mut Numbers,
    today: NaiveDate,
    rates: &Rates,
    chance: &mut Chance,
) -> Vec<TableRows> {
    let mut office = Office { community, numbers, today, rates, chance, offices: BTreeMap::new() };
    let mut tables = vec![
        office.births(),
        office.marriages(),
        office.divorces(),
        office.deaths(),
        office.changes(),
        office.adoptions(),
    ];
    tables.insert(0, office.offices());
    tables
}

struct Office<'a> {
    community: &'a Community,
    numbers: &'a mut Numbers,
    today: NaiveDate,
    rates: &'a Rates,
    chance: &'a mut Chance,
    offices: BTreeMap<String, Place>,
}

/// Code of the civil-status database: from 0.
const fn sex(female: bool) -> &'static str {
    if female { "1" } else { "0" }
}

fn act(row: Row, act: &Act) -> Row {
    row.text(&*act.office).text(&*act.book).number(act.year).number(act.number)
}

impl<'a> Office<'a> {
    fn written(&mut self, row: Row, on: NaiveDate) -> Row {
        if on.year() >= NUMBERED_AT_BIRTH {
            return row.moment(on, self.chance);
        }
        let year = i32::try_from(self.chance.between(DIGITISED.0.into()..=DIGITISED.1.into()))
            .unwrap_or(DIGITISED.0);
        let day = NaiveDate::from_yo_opt(year, 5).unwrap_or(on);
        let day = self.chance.day_after(day, 0..=350);
        row.moment(day, self.chance)
    }

    fn births(&mut self) -> TableRows {
        let mut table = TableRows::new(BIRTHS);
        for person in &self.community.people {
            let Some(birth) = &person.birth else { continue };
            self.offices.insert(birth.act.office.clone(), person.birthplace);
            let kind = if birth.late { 3 } else { 1 };
            self.birth(&mut table, person, birth, kind);
            if self.chance.hit(self.rates.registered_again) {
                let on = self.chance.day_between(birth.on, self.today);
                let act = self.numbers.act("KS", person.birthplace, on.year());
                let again = BirthRegistration { act, on, late: true, notice: None };
                self.birth(&mut table, person, &again, 2);
            }
        }
        table
    }

    fn birth(&mut self, table: &mut TableRows, person: &Person, birth: &BirthRegistration, kind: u8) {
        let (mut name, mut born, mut ethnicity) = (&person.name, person.born, person.ethnicity);
        match person.change.as_ref().map(|change| &change.former) {
            Some(Former::Name(former)) => name = former,
            Some(Former::Born(former)) => born = *former,
            Some(Former::Ethnicity(former)) => ethnicity = former,
            None => {}
        }
        let lacks = if person.born.year() >= NUMBERED_AT_BIRTH {
            self.rates.birth_without_pin
        } else {
            self.rates.birth_unmatched
        };
        let pin = person
            .former_pin
            .as_ref()
            .or(person.pin.as_ref())
            .filter(|_| kind == 2 || !self.chance.hit(lacks));
        let notice = self.notice(birth.notice.as_ref());
        let (born_at, registered_at) = (person.birthplace, person.birthplace.codes(birth.on));
        let hospital = (person.born.year() >= 1980).then(|| format!("Bệnh viện {}", born_at.commune()));
        let row = act(Row::new().number(table.rows + 1), &birth.act)
            .number(kind)
            .text("HL")
            .day(birth.on)
            .maybe(notice);
        let row = row
            .maybe(name.family.as_deref().map(|n| typed(n, self.rates, self.chance)))
            .maybe(name.middle.as_deref())
            .text(typed(&name.given, self.rates, self.chance))
            .text(day_first(born, person.precision))
            .text(sex(person.female))
            .text(ethnicity)
            .text("VN")
            .text(born_at.pin_digits())
            .text(born_at.commune())
            .maybe(hospital)
            .text(registered_at.province)
            .text(registered_at.commune)
            .text(person.native.pin_digits())
            .text(person.native.commune())
            .maybe(pin.cloned());
        let row = self.parent(row, person.parents.map(|p| p.mother), birth.on);
        let row = self.parent(row, person.parents.map(|p| p.father), birth.on);
        let row = self.written(row, birth.on);
        table.push(row, self.rates.junk, self.chance);
    }

    /// A notice's number as the registrar copied it, sometimes without its last digit.
    fn notice(&mut self, notice: Option<&Notice>) -> Option<String> {
        let mut number = notice?.number.clone();
        if self.chance.hit(self.rates.notice_mistyped) {
            number.pop();
        }
        Some(number)
    }

    /// A parent as the act names him: recent acts with the number, old ones with the nine digits.
    fn parent(&mut self, row: Row, parent: Option<usize>, on: NaiveDate) -> Row {
        let Some(parent) = parent.and_then(|index| self.community.people.get(index)) else {
            return row.all([const { None }; 6]);
        };
        let (pin, cmnd9) = self.papers(parent, on);
        row.text(typed(&parent.name.full(), self.rates, self.chance))
            .text(day_first(
                parent.born,
                if on.year() < NUMBERED_AT_BIRTH { Precision::Year } else { parent.precision },
            ))
            .text(parent.ethnicity)
            .text("VN")
            .maybe(pin)
            .maybe(cmnd9)
    }

    fn papers(&mut self, person: &Person, on: NaiveDate) -> (Option<String>, Option<String>) {
        let pin = person.pin.clone().filter(|_| on.year() >= NUMBERED_AT_BIRTH || self.chance.hit(0.8));
        let cmnd9 = person.cmnd9.clone().filter(|_| pin.is_none());
        (pin, cmnd9)
    }

    fn marriages(&mut self) -> TableRows {
        let mut table = TableRows::new(MARRIAGES);
        for couple in &self.community.couples {
            let Some(registered) = &couple.act else { continue };
            self.offices.insert(registered.office.clone(), couple.place);
            let mut row = act(Row::new().number(table.rows + 1), registered).text("HL").day(couple.married);
            for spouse in [couple.husband, couple.wife] {
                row = self.spouse(row, spouse, couple.married);
            }
            let row = self.written(row, couple.married);
            table.push(row, self.rates.junk, self.chance);
        }
        table
    }

    fn spouse(&mut self, row: Row, spouse: usize, on: NaiveDate) -> Row {
        let Some(person) = self.community.people.get(spouse) else { return row.all([const { None }; 8]) };
        let (pin, cmnd9) = self.papers(person, on);
        row.maybe(person.name.family.clone())
            .maybe(person.name.middle.clone())
            .text(typed(&person.name.given, self.rates, self.chance))
            .text(day_first(person.born, person.precision))
            .text(person.ethnicity)
            .text("VN")
            .maybe(pin)
            .maybe(cmnd9)
    }

    fn divorces(&mut self) -> TableRows {
        let mut table = TableRows::new(DIVORCES);
        let ended: Vec<_> =
            self.community.couples.iter().filter_map(|c| Some((c, c.divorced?, c.act.as_ref()?))).collect();
        for (couple, on, marriage) in ended {
            let noted = self.numbers.act("LH", couple.place, on.year());
            let judgment = format!("{}/{}/HNGĐ-ST", noted.number, on.year());
            let row = act(Row::new().number(table.rows + 1), &noted)
                .text(judgment)
                .text("Tòa án nhân dân khu vực")
                .day(on);
            let mut row = act(row, marriage);
            for spouse in [couple.husband, couple.wife] {
                row = self.divorced(row, spouse);
            }
            let row = self.written(row, on);
            table.push(row, self.rates.junk, self.chance);
        }
        table
    }

    fn divorced(&mut self, row: Row, spouse: usize) -> Row {
        let Some(person) = self.community.people.get(spouse) else { return row.all([const { None }; 3]) };
        row.text(typed(&person.name.full(), self.rates, self.chance))
            .text(day_first(person.born, person.precision))
            .maybe(person.pin.clone())
    }

    fn deaths(&mut self) -> TableRows {
        let mut table = TableRows::new(DEATHS);
        for person in self.community.people.iter().filter(|person| person.known) {
            if let Some(died) = person.died {
                let on = self.chance.day_after(died, 0..=30).min(self.today);
                self.death(&mut table, person, (1, "HL"), (on, died));
            } else if person.age(self.today) > 30 && self.chance.hit(self.rates.came_back) {
                // A court declared the person missing and took it back.
                let on = self.chance.day_after(self.today, -1500..=-200);
                self.death(&mut table, person, (3, "HUY"), (on, on));
            }
        }
        table
    }

    fn death(
        &mut self,
        table: &mut TableRows,
        person: &Person,
        (kind, standing): (u8, &str),
        (on, died): (NaiveDate, NaiveDate),
    ) {
        let registered = self.numbers.act("KT", person.birthplace, on.year());
        let extract = format!("{}/TLKT-{}", registered.number, registered.office);
        let row = act(Row::new().number(table.rows + 1), &registered)
            .number(kind)
            .text(standing)
            .day(on)
            .text(extract);
        let notice = self.notice(person.death_notice.as_ref().filter(|_| kind == 1));
        let row = row
            .maybe(notice)
            .text(day_first(died, Precision::Day))
            .text(typed(&person.name.full(), self.rates, self.chance))
            .text(day_first(person.born, person.precision))
            .text(sex(person.female))
            .text(person.ethnicity)
            .maybe(person.pin.clone())
            .maybe(person.cmnd9.clone())
            .moment(on, self.chance);
        table.push(row, self.rates.junk, self.chance);
    }

    fn changes(&mut self) -> TableRows {
        let mut table = TableRows::new(CHANGES);
        for person in &self.community.people {
            let (Some(change), Some(birth)) = (&person.change, &person.birth) else { continue };
            let row = Self::changed(Row::new().number(table.rows + 1), person, change, birth);
            let row = self.written(row, change.on);
            table.push(row, self.rates.junk, self.chance);
        }
        table
    }

    fn changed(row: Row, person: &Person, change: &Change, birth: &BirthRegistration) -> Row {
        let (kind, ethnicity) = match &change.former {
            Former::Name(_) => (1, None),
            Former::Born(_) => (2, None),
            Former::Ethnicity(_) => (4, Some(person.ethnicity)),
        };
        let row = act(act(row, &change.act).number(kind).text("HL").day(change.on), &birth.act);
        row.maybe(person.pin.clone())
            .maybe(person.name.family.clone())
            .maybe(person.name.middle.clone())
            .text(&*person.name.given)
            .text(day_first(person.born, person.precision))
            .text(sex(person.female))
            .maybe(ethnicity)
            .all([const { None }; 7])
            .text("Quyết định của Ủy ban nhân dân")
    }

    /// A couple takes a child of others: in its own books from that day on.
    fn adoptions(&mut self) -> TableRows {
        let mut table = TableRows::new(ADOPTIONS);
        let community = self.community;
        for child in community.people.iter().filter(|person| may_be_adopted(person)) {
            if !self.chance.hit(self.rates.adopted) {
                continue;
            }
            let Some(birth) = &child.birth else { continue };
            let grown = child.birthday(ADULT).min(self.today);
            let on = self.chance.day_between(birth.on, grown);
            let Some((mother, father)) = self.adopting(child, on).filter(|_| child.alive(on)) else {
                continue;
            };
            let registered = self.numbers.act("NCN", child.birthplace, on.year());
            self.offices.insert(registered.office.clone(), child.birthplace);
            let mut row = act(Row::new().number(table.rows + 1), &registered).number(1).text("HL").day(on);
            for one in [child, mother, father] {
                row = row
                    .text(typed(&one.name.full(), self.rates, self.chance))
                    .text(day_first(one.born, one.precision))
                    .maybe(one.pin.clone());
            }
            let row = self.written(row, on);
            table.push(row, self.rates.junk, self.chance);
        }
        table
    }

    /// Wife and husband who may adopt the child on that day: alive, married, old enough.
    fn adopting(&mut self, child: &Person, on: NaiveDate) -> Option<(&'a Person, &'a Person)> {
        let community = self.community;
        (0..COUPLES_ASKED).find_map(|_| {
            let couple = community.couples.get(self.chance.below(community.couples.len()))?;
            let [wife, husband] = [couple.wife, couple.husband].map(|index| community.people.get(index));
            let (wife, husband) = (wife?, husband?);
            let old_enough = |one: &Person| one.birthday(OLDER) <= child.born;
            let parent = child.parents.is_some_and(|p| p.mother == couple.wife || p.father == couple.husband);
            let fits = [wife, husband].iter().all(|one| one.known && one.alive(on) && old_enough(one));
            (fits && !parent && couple.divorced.is_none() && couple.married <= on).then_some((wife, husband))
        })
    }

    fn offices(&mut self) -> TableRows {
        let mut table = TableRows::new(OFFICES);
        for (code, place) in std::mem::take(&mut self.offices) {
            let row = Row::new().text(code).text(format!("Ủy ban nhân dân {}", place.commune()));
            table.push(row.text(place.pin_digits()).text(place.commune()), 0.0, self.chance);
        }
        table
    }
}

/// The spouse of a person, where the marriage stands today.
pub(super) fn married(community: &Community, person: &Person) -> Option<usize> {
    let couple: &Couple = community.marriage(person).filter(|couple| couple.divorced.is_none())?;
    let me = |index: usize| community.people.get(index).is_some_and(|other| std::ptr::eq(other, person));
    Some(if me(couple.husband) { couple.wife } else { couple.husband })
}
