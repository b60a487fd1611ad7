//! The question that a record raises whose number names somebody else.

use crate::{
    CaseFinding, CaseKind, CaseSubject, FieldValue, FingerprintKey, Offer, PartialDate, PinRegister,
};

/// The case of a record that offers a number whose register entries share neither name nor date of birth with it; none
/// of a record without a number. `against` holds at least the entries of the number's class.
pub fn contradiction(offer: Offer, against: &PinRegister, key: &FingerprintKey) -> Option<CaseFinding> {
    let pin = offer.pin?;
    let class = against.class(&pin);
    let says = |pin: &str, name: Option<&String>, birth: Option<PartialDate>| {
        FieldValue::parts([
            ("pin", pin.to_owned()),
            ("name", name.cloned().unwrap_or_default()),
            ("birth", birth.map(|b| b.to_string()).unwrap_or_default()),
        ])
    };
    let mut said = vec![(offer.record_key.clone(), says(pin.as_str(), offer.name.as_ref(), offer.birth))];
    for entry in against.entries(&class) {
        said.push((entry.record_key.clone(), says(entry.pin.as_str(), entry.name.as_ref(), entry.birth)));
    }
    Some(CaseFinding {
        subject: CaseSubject::Record(offer.record_key),
        kind: CaseKind::IdentifierConflict,
        field: None,
        fingerprint: key.claims(said.iter().map(|(key, value)| (key, value))),
        records: said.into_iter().map(|(key, _)| key).collect(),
        severity: CaseKind::IdentifierConflict.harm(),
    })
}
