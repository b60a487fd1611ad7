//! Who is who in the invented population, as far as its rows tell: what links are counted against.

use acceptance::population::{Act, Community};
use std::collections::HashMap;

/// The person of each source key and number, by place in the community.
#[derive(Debug)]
pub(super) struct Truth(HashMap<String, usize>);

impl Truth {
    /// Acts of birth and marriage, notices of birth, the residence office's own numbers, and numbers of all times.
    pub(super) fn of(community: &Community) -> Self {
        let mut known = HashMap::new();
        for (place, person) in community.people.iter().enumerate() {
            known.insert(format!("person:residence/{}", place + 1), place);
            for pin in person.pin.iter().chain(&person.former_pin) {
                known.insert(format!("pin:{pin}"), place);
            }
            let Some(birth) = &person.birth else { continue };
            known.insert(act_key(&birth.act, "child"), place);
            if let Some(parents) = person.parents {
                known.insert(act_key(&birth.act, "mother"), parents.mother);
                known.insert(act_key(&birth.act, "father"), parents.father);
            }
            if let Some(notice) = &birth.notice {
                known.insert(format!("record:medical/birth_notice/{}/child", notice.number), place);
            }
        }
        for couple in &community.couples {
            if let Some(act) = &couple.act {
                known.insert(act_key(act, "husband"), couple.husband);
                known.insert(act_key(act, "wife"), couple.wife);
            }
        }
        Self(known)
    }

    /// Whether two keys are one person's; none where one of them tells nobody's.
    pub(super) fn is_one(&self, one: &str, other: &str) -> Option<bool> {
        Some(self.0.get(one)? == self.0.get(other)?)
    }
}

fn act_key(act: &Act, role: &str) -> String {
    let Act { office, book, year, number } = act;
    format!("act:civil_status/{office}/{book}/{year}/{number}/{role}")
}
