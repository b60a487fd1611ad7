//! Generated histories: a few people, all that can happen to them, in the order in which it came about.

use super::world::{CATALOGUE, Dice, Make};
use chrono::{NaiveDate, TimeZone as _, Utc};
use registry_rules::{FieldValue, RulingKind, SourceRecord, Standing};

/// Something that is said to the registry.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// A version of a record.
    Record(Box<SourceRecord>),
    /// A business day.
    Day(NaiveDate),
    /// A rule set comes into force, one of [`RULES`].
    Rules(&'static str),
}

impl Said {
    /// Whether it is a record; all else keeps its order, for it has one partition.
    pub(super) const fn is_record(&self) -> bool {
        matches!(self, Self::Record(_))
    }
}

/// Names of rule sets that these registries keep: the shipped one once more, and one that asks less of names and nothing
/// of the sex.
pub(super) const RULES: [&str; 2] = ["same", "milder"];

/// The text of a rule set.
pub(super) fn rules(name: &str) -> String {
    altered(|field, part| match (name, field) {
        ("milder", "birth_name") => Some(part.replace("conflict = \"dispute\"", "conflict = \"latest\"")),
        ("milder", "sex") => None,
        _ => Some(part.to_owned()),
    })
}

/// The shipped rules with each item's section changed, or left out.
pub(super) fn altered(change: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut parts = CATALOGUE.split("[[field]]");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let name = part.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
        if let Some(part) = change(name.trim_end_matches('"'), part) {
            text += "[[field]]";
            text += &part;
        }
    }
    text
}

/// The key under which these registries hash values.
pub(super) const KEY: &str = "a key for tests";

/// Writes one history.
struct Writer {
    dice: Dice,
    position: u64,
    decisions: usize,
    rulings: usize,
    said: Vec<Said>,
}

const NAMES: [&str; 4] = ["Lê Văn Hòa", "Lê Văn Hoà", "LE VAN HOA", "Trần Thị Mơ"];
const BIRTHS: [&str; 5] = ["1985-02-03", "1985", "1985-02-04", "1991-07-08", "1985-03-02"];
const FILES: [&str; 3] = ["residence/file/1", "residence/file/2", "residence/file/3"];

fn pin(n: usize) -> String {
    format!("001085{n:06}")
}

/// A history of some steps among some people; the same for the same seed.
pub(super) fn history(seed: u64, people: usize, steps: usize) -> Vec<Said> {
    let mut writer = Writer { dice: Dice(seed), position: 100, decisions: 0, rulings: 0, said: Vec::new() };
    for n in 0..people {
        writer.entry(n, Standing::Asserted);
        writer.birth(n);
        writer.copy(n);
    }
    for _ in 0..steps {
        let n = writer.dice.below(people);
        match writer.dice.below(16) {
            0 => writer.entry(n, Standing::Asserted),
            1 => writer.reissue(n, people),
            2 | 3 => writer.copy(n),
            4 => writer.birth(n),
            5 => writer.correction(n),
            6 => writer.marriage(n, people),
            7 | 8 => writer.stay(n),
            9 => writer.death(n),
            10 => writer.decide(n),
            11 => writer.withdraw(),
            12 => writer.rules(),
            13 | 14 => writer.rule(n, people),
            _ => writer.day(),
        }
    }
    writer.said
}

impl Writer {
    fn say(&mut self, make: Make) {
        self.position += 1;
        self.said.push(Said::Record(Box::new(make.at(self.position).0)));
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.dice.below(among.len())]
    }

    fn name(&mut self) -> &'static str {
        self.pick(&NAMES)
    }

    fn born(&mut self) -> &'static str {
        self.pick(&BIRTHS)
    }

    /// The PIN register says who has a number; now and then for another act than before.
    fn entry(&mut self, n: usize, standing: Standing) {
        let (name, born) = (self.name(), self.born());
        let act = format!("1/BIRTH/1985/{}", if self.dice.below(8) == 0 { n + 1 } else { n });
        let make = Make::new("identity", "pin", &pin(n), "holder").pin(&pin(n)).name(name).born(born);
        self.say(make.standing(standing).refers_to_birth(&act));
    }

    /// A number takes the place of another one, which is cancelled; or that is taken back.
    fn reissue(&mut self, n: usize, people: usize) {
        let new = pin(500_000 + n);
        let old = if self.dice.below(6) == 0 { pin((n + 1) % people) } else { pin(n) };
        let (name, born) = (self.name(), self.born());
        let make = Make::new("identity", "pin", &new, "holder").pin(&new).name(name).born(born);
        let standing = self.pick(&[Standing::Asserted, Standing::Asserted, Standing::Annulled]);
        self.say(make.replaces(&old).standing(standing));
        let cancelled = self.pick(&[Standing::Ceased, Standing::Asserted]);
        self.entry(n, cancelled);
    }

    fn birth(&mut self, n: usize) {
        let act = format!("1/BIRTH/1985/{n}");
        let (name, born, mother) = (self.name(), self.born(), (n + 1) % 3);
        let child =
            Make::new("civil_status", "birth", &n.to_string(), "child").act(&act).name(name).born(born);
        let sex = self.pick(&["sex:1", "sex:2"]);
        self.say(child.text("sex", sex));
        let name = self.name();
        let make = Make::new("civil_status", "birth", &n.to_string(), "mother").act(&act).name(name);
        self.say(make.pin(&pin(mother)));
    }

    /// The residence database's copy: with the number, another's, or none.
    fn copy(&mut self, n: usize) {
        let id = format!("R{n}");
        let (name, born) = (self.name(), self.born());
        let make = Make::new("residence", "person", &id, "resident").person(&id).name(name).born(born);
        let make = match self.dice.below(5) {
            0 => make,
            1 => make.pin(&pin(500_000 + n)),
            2 => make.pin(&pin(n + 1)),
            _ => make.pin(&pin(n)),
        };
        self.say(make);
    }

    fn correction(&mut self, n: usize) {
        let name = self.name();
        let standing = self.pick(&[Standing::Corrected, Standing::Corrected, Standing::Annulled]);
        let make =
            Make::new("civil_status", "change", &n.to_string(), "subject").name(name).standing(standing);
        self.say(make.refers_to_birth(&format!("1/BIRTH/1985/{n}")).from("2020-03-04"));
    }

    fn marriage(&mut self, n: usize, people: usize) {
        let (key, act) = (n.to_string(), format!("1/MARR/2010/{n}"));
        let other = (n + 1 + self.dice.below(people)) % people;
        for (role, who) in [("husband", n), ("wife", other)] {
            let make = Make::new("civil_status", "marriage", &key, role).act(&act).pin(&pin(who));
            self.say(make.from("2010-05-06").text("marital_status", "marital_status:2"));
        }
    }

    /// Household and temporary residence, some beginning or ending on a day to come.
    fn stay(&mut self, n: usize) {
        let (id, file) = (format!("R{n}"), self.pick(&FILES));
        let from = self.pick(&["2015-01-01", "2026-03-03", "2026-03-05", "2026-03-08"]);
        let make = Make::new("residence", "permanent", &format!("{n}"), "resident").person(&id).from(from);
        let relation = self.pick(&["relation_to_head:1", "relation_to_head:2"]);
        let standing = self.pick(&[Standing::Asserted, Standing::Asserted, Standing::Ceased]);
        let make = make.group(file).text("relation_to_head", relation).text("residence_file_no", file);
        self.say(make.standing(standing));
    }

    fn death(&mut self, n: usize) {
        let standing = self.pick(&[Standing::Asserted, Standing::Annulled]);
        let make = Make::new("civil_status", "death", &n.to_string(), "deceased").pin(&pin(n));
        self.say(make.text("death_or_missing", "2025-01-01").standing(standing));
    }

    /// A steward takes a value that was said of somebody's birth, or takes such a decision back.
    fn decide(&mut self, n: usize) {
        let id = format!("D{}", self.decisions);
        let field = self.pick(&["npd.date_of_birth", "npd.birth_name"]);
        let records: Vec<SourceRecord> = self.said.iter().filter_map(record_of).cloned().collect();
        let named = |r: &&SourceRecord| {
            let key = r.record_key.as_str();
            key == format!("residence/person/R{n}/resident")
                || key == format!("civil_status/birth/{n}/child")
                || key == format!("identity/pin/{}/holder", pin(n))
        };
        let key = registry_store::fingerprint_key(KEY);
        let seen: Vec<(String, String)> = records
            .iter()
            .filter(named)
            .filter_map(|r| {
                let value: &FieldValue = r.fields.get(&field.parse().unwrap())?;
                Some((r.record_key.to_string(), key.value(value)))
            })
            .collect();
        if seen.is_empty() {
            return;
        }
        let takes = seen[self.dice.below(seen.len())].0.clone();
        let considered: Vec<String> = seen
            .iter()
            .map(|(record, hash)| format!(r#"{{"record_key":"{record}","value_hash":"{hash}"}}"#))
            .collect();
        let mut make = Make::new("steward", "decision", &id, "decision")
            .person(&id)
            .text("steward.field", field)
            .text("steward.takes", &takes)
            .text("steward.considered", &format!("[{}]", considered.join(",")));
        if self.decisions > 0 && self.dice.below(2) == 0 {
            let reversed = self.dice.below(self.decisions);
            make = make.text("steward.reverses", &format!("D{reversed}"));
        }
        self.decisions += 1;
        self.say(make);
    }

    /// A steward says who a record belongs to, by where records may well stand; or takes such a decision back.
    fn rule(&mut self, n: usize, people: usize) {
        let id = format!("I{}", self.rulings);
        let mut make = Make::new("steward", "identity_decision", &id, "subject").person(&id);
        if self.rulings > 0 && self.dice.below(3) == 0 {
            let reversed = self.dice.below(self.rulings);
            make = make.text("steward.reverses", &format!("I{reversed}"));
        } else {
            let kind = self.pick(&RulingKind::ALL);
            let (record, anchor) = self.seen(n);
            make = make
                .text("steward.ruling", kind.as_str())
                .text("steward.record", &record)
                .text("steward.anchor", &anchor);
            if kind.names_two() {
                let other = self.dice.below(people);
                let (record, anchor) = self.seen(other);
                make = make.text("steward.other_record", &record).text("steward.other_anchor", &anchor);
            }
        }
        self.rulings += 1;
        let decided = Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0).unwrap();
        make.0.recorded_at = Some(decided + chrono::TimeDelta::seconds(i64::try_from(self.rulings).unwrap()));
        self.say(make);
    }

    /// A record of somebody, with a place where a steward may have seen it.
    fn seen(&mut self, n: usize) -> (String, String) {
        let (record, source_key) = self.pick(&[
            ("residence/person/R#/resident", "person:residence/R#"),
            ("residence/permanent/#/resident", "person:residence/R#"),
            ("civil_status/birth/#/child", "act:civil_status/1/BIRTH/1985/#/child"),
            ("civil_status/death/#/deceased", "record:civil_status/death/#/deceased"),
            ("identity/pin/+/holder", "act:civil_status/1/BIRTH/1985/#/child"),
        ]);
        let name = |text: &str| text.replace('#', &n.to_string()).replace('+', &pin(n));
        let anchor = match self.dice.below(5) {
            0 | 1 => format!("pin:{}", pin(n)),
            2 => format!("pin:{}", pin(500_000 + n)),
            3 => format!("apart:{}", name(record)),
            _ => name(source_key),
        };
        (name(record), anchor)
    }

    /// A row is deleted at its source.
    fn withdraw(&mut self) {
        let keys: Vec<SourceRecord> = self.said.iter().filter_map(record_of).cloned().collect();
        let gone = keys[self.dice.below(keys.len())].clone();
        if gone.record_key.source() != "steward" {
            let gone = SourceRecord {
                standing: Standing::Withdrawn,
                identifiers: Vec::new(),
                fields: std::collections::BTreeMap::new(),
                ..gone
            };
            self.say(Make(gone));
        }
    }

    fn rules(&mut self) {
        let name = self.pick(&RULES);
        self.said.push(Said::Rules(name));
    }

    fn day(&mut self) {
        let days = self.said.iter().filter(|said| matches!(said, Said::Day(_))).count();
        let day = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
            + chrono::TimeDelta::days(i64::try_from(days).unwrap());
        self.said.push(Said::Day(day));
    }
}

fn record_of(said: &Said) -> Option<&SourceRecord> {
    match said {
        Said::Record(record) => Some(record),
        Said::Day(_) | Said::Rules(_) => None,
    }
}
