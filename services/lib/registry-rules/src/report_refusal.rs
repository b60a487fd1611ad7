//! Why an error report is not looked into, whatever it says: who makes it does not hold what it is about.

/// Why a report is not looked into. Nothing in it tells of the person or the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The reporter's agreement is not active, or does not permit the item.
    OutsideAgreement,
    /// The reporter's agreement holds nobody with this number.
    NobodyHeld,
    /// What the agreement permits could not be asked, so it is taken to permit nothing.
    Unchecked,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OutsideAgreement, Self::NobodyHeld, Self::Unchecked];

    /// The reason in answers, and what the kept report says of itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutsideAgreement => "not_in_agreement",
            Self::NobodyHeld => "not_held",
            Self::Unchecked => "not_checked",
        }
    }

    /// Reads [`Self::as_str`]; anything else is a refusal too.
    pub fn read(name: &str) -> Self {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == name).unwrap_or(Self::Unchecked)
    }

    /// The part of the report that is to blame.
    pub const fn part(self) -> &'static str {
        match self {
            Self::OutsideAgreement => "field",
            Self::NobodyHeld => "pin",
            Self::Unchecked => "reporter",
        }
    }

    /// What the reporter can do.
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::OutsideAgreement => "report_what_is_permitted",
            Self::NobodyHeld => "check_number",
            Self::Unchecked => "report_again",
        }
    }
}
