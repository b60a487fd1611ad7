//! Generations: founders marry, have children, the children marry.

use super::chance::Chance;
use super::names;
use super::person::{Community, Couple, KNOWN_SINCE, Parents, Person};
use super::places::Place;
use super::rates::Rates;
use super::spelling::Precision;
use chrono::{Datelike, Days, NaiveDate};
use std::collections::BTreeMap;

/// Known people that one founding couple leaves behind, rounded up: too many founders would cut off the young.
const PEOPLE_PER_FOUNDING_COUPLE: usize = 16;
/// So few are filled up with people who came alone.
const SINGLES: usize = 12;

/// Grows a community until exactly `count` people of it are known to the databases.
pub(super) fn grow(count: usize, today: NaiveDate, rates: &Rates, chance: &mut Chance) -> Community {
    let mut growth = Growth { count, today, rates, chance, known: 0, community: Community::default() };
    while growth.known < count {
        let missing = count - growth.known;
        if missing < SINGLES {
            growth.founder(None, 1950..=2004);
            continue;
        }
        let mut generation = growth.founders((missing / PEOPLE_PER_FOUNDING_COUPLE).max(1));
        while !generation.is_empty() {
            let children: Vec<_> =
                generation.into_iter().flat_map(|couple| growth.children(couple)).collect();
            generation = growth.pair(children);
        }
    }
    growth.community
}

struct Growth<'a> {
    count: usize,
    today: NaiveDate,
    rates: &'a Rates,
    chance: &'a mut Chance,
    known: usize,
    community: Community,
}

impl Growth<'_> {
    fn person(&self, index: usize) -> Option<&Person> {
        self.community.people.get(index)
    }

    fn add(&mut self, person: Person) -> usize {
        self.known += usize::from(person.known);
        self.community.people.push(person);
        self.community.people.len() - 1
    }

    fn founders(&mut self, couples: usize) -> Vec<usize> {
        (0..couples).filter_map(|_| self.founding_couple()).collect()
    }

    fn founding_couple(&mut self) -> Option<usize> {
        let husband = self.founder(Some(false), 1928..=1958);
        let born = self.person(husband)?.born.year();
        let wife = self.founder(Some(true), i64::from(born) - 2..=i64::from(born) + 6);
        self.marry(husband, wife)
    }

    fn founder(&mut self, female: Option<bool>, years: std::ops::RangeInclusive<i64>) -> usize {
        let female = female.unwrap_or_else(|| self.chance.hit(0.5));
        let year = i32::try_from(self.chance.between(years)).unwrap_or(1940);
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(self.today);
        let born = self.chance.day_after(first, 0..=364);
        let ethnicity = names::ethnicity(self.chance);
        let name = names::name(self.chance, ethnicity, female, year, None);
        let place = Place::anywhere(self.chance);
        let person = self.newborn(name, female, born, (ethnicity, place, place));
        self.add(person)
    }

    fn newborn(
        &mut self,
        name: names::Name,
        female: bool,
        born: NaiveDate,
        origin: (&'static str, Place, Place),
    ) -> Person {
        let years = self.chance.weighted(&[
            ((0, 15), 1),
            ((15, 50), 4),
            ((50, 65), 11),
            ((65, 78), 30),
            ((78, 99), 54),
        ]);
        let died = Some(self.chance.day_after(born, years.0 * 365 + 1..=years.1 * 365))
            .filter(|died| *died <= self.today);
        let old = born.year() < 1960;
        let precision = match (
            old && self.chance.hit(self.rates.year_only),
            old && self.chance.hit(self.rates.year_only / 4.0),
        ) {
            (true, _) => Precision::Year,
            (false, true) => Precision::Month,
            (false, false) => Precision::Day,
        };
        let (ethnicity, birthplace, native) = origin;
        Person {
            name,
            female,
            born,
            precision,
            ethnicity,
            birthplace,
            native,
            parents: None,
            couple: None,
            died,
            known: died.is_none_or(|died| died >= KNOWN_SINCE),
            pin: None,
            former_pin: None,
            cmnd9: None,
            birth: None,
            death_notice: None,
            change: None,
        }
    }

    /// Marries two people at a likely age, if both live to see the day.
    fn marry(&mut self, husband: usize, wife: usize) -> Option<usize> {
        let (man, woman) = (self.person(husband)?, self.person(wife)?);
        let (homes, adult) = ([man.birthplace, woman.birthplace], man.birthday(20).max(woman.birthday(18)));
        let married = self.chance.day_after(adult, 0..=3000);
        let (man, woman) = (self.person(husband)?, self.person(wife)?);
        if married > self.today || !man.alive(married) || !woman.alive(married) {
            return None;
        }
        let place = match self.chance.weighted(&[(0, 16), (1, 2), (2, 1)]) {
            0 => homes[0].nearby(self.chance),
            1 => homes[1].nearby(self.chance),
            _ => Place::in_city(self.chance),
        };
        let divorced = Some(self.chance.day_after(married, 400..=9000))
            .filter(|day| *day <= self.today && married.year() >= 1995)
            .filter(|_| self.chance.hit(0.09));
        let index = self.community.couples.len();
        self.community.couples.push(Couple {
            husband,
            wife,
            married,
            divorced,
            place,
            children: Vec::new(),
            act: None,
        });
        for person in [husband, wife] {
            if let Some(person) = self.community.people.get_mut(person) {
                person.couple = Some(index);
            }
        }
        Some(index)
    }

    fn children(&mut self, couple: usize) -> Vec<usize> {
        let Some(pair) = self.community.couples.get(couple).cloned() else { return Vec::new() };
        let (Some(father), Some(mother)) =
            (self.person(pair.husband).cloned(), self.person(pair.wife).cloned())
        else {
            return Vec::new();
        };
        let wanted = match mother.born.year() {
            ..1945 => self.chance.between(3..=7),
            1945..1960 => self.chance.between(2..=5),
            1960..1975 => self.chance.weighted(&[(1, 1), (2, 4), (3, 4), (4, 1)]),
            _ => self.chance.weighted(&[(0, 6), (1, 20), (2, 52), (3, 22)]),
        };
        let mut born = self.chance.day_after(pair.married, 290..=900);
        let mut children = Vec::new();
        for _ in 0..wanted {
            let apart = pair.divorced.is_some_and(|day| day < born);
            let parents_live = mother.alive(born) && father.alive(born) && mother.age(born) <= 43;
            if self.known >= self.count || born > self.today || apart || !parents_live {
                break;
            }
            children.push(self.child(&pair, &father, born));
            born = self.chance.day_after(born, 420..=1900);
        }
        if let Some(pair) = self.community.couples.get_mut(couple) {
            pair.children.clone_from(&children);
        }
        children
    }

    fn child(&mut self, pair: &Couple, father: &Person, born: NaiveDate) -> usize {
        let female = self.chance.hit(0.472); // 112 boys to 100 girls
        let name =
            names::name(self.chance, father.ethnicity, female, born.year(), father.name.family.as_deref());
        let origin = (father.ethnicity, pair.place, father.native);
        let mut child = self.newborn(name, female, born, origin);
        child.parents = Some(Parents { mother: pair.wife, father: pair.husband });
        self.add(child)
    }

    /// Pairs a generation: within a province first, the rest across.
    fn pair(&mut self, children: Vec<usize>) -> Vec<usize> {
        let mut by_province: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for child in children {
            let Some(person) = self.person(child) else { continue };
            let (province, age) = (person.birthplace.province(), person.age(self.today));
            let share = if age >= 30 { 0.92 } else { 0.5 };
            if age >= 20 && self.chance.hit(share) {
                by_province.entry(province).or_default().push(child);
            }
        }
        let (mut couples, mut rest) = (Vec::new(), Vec::new());
        for singles in by_province.into_values() {
            rest.extend(self.pair_by_age(singles, &mut couples));
        }
        self.pair_by_age(rest, &mut couples);
        couples
    }

    fn pair_by_age(&mut self, singles: Vec<usize>, couples: &mut Vec<usize>) -> Vec<usize> {
        let key = |growth: &Self, index: usize| {
            growth.person(index).map(|p| (p.born, p.female, p.parents.map(|p| p.mother)))
        };
        let mut aged: Vec<_> = singles.into_iter().filter_map(|i| key(self, i).map(|key| (key, i))).collect();
        aged.sort_unstable();
        let (women, men): (Vec<_>, Vec<_>) = aged.into_iter().partition(|((_, female, _), _)| *female);
        let mut rest: Vec<_> =
            women.iter().skip(men.len()).chain(men.iter().skip(women.len())).map(|(_, i)| *i).collect();
        for (((woman_born, _, her_mother), woman), ((man_born, _, his_mother), man)) in
            women.into_iter().zip(men)
        {
            let near =
                man_born < woman_born + Days::new(12 * 365) && woman_born < man_born + Days::new(8 * 365);
            match (near && (her_mother.is_none() || her_mother != his_mother))
                .then(|| self.marry(man, woman))
                .flatten()
            {
                Some(couple) => couples.push(couple),
                None => rest.extend([woman, man]),
            }
        }
        rest
    }
}
