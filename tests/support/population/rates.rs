//! How often each trap of real registers occurs.

/// Shares (0 to 1) of the rows or persons concerned. The defaults follow what is published about cleaning the national
/// registers where there is a figure, and otherwise make each trap common enough to meet in a few thousand people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Rows with a code, date or number that no list or calendar has: to be quarantined.
    pub junk: f64,
    /// Names without marks (residence; hospitals write all names so).
    pub unaccented: f64,
    /// Names as decomposed Unicode.
    pub decomposed: f64,
    /// Names with the tone mark on the other vowel, where that can be.
    pub tone_moved: f64,
    /// Names with Ð (Eth) for Đ, where there is a Đ.
    pub eth_for_d: f64,
    /// Births before 1960 known to the year only.
    pub year_only: f64,
    /// Year-only births that the residence office wrote as 1 January.
    pub false_first_january: f64,
    /// Persons whose ethnicity the residence office wrote with the other numbering's code.
    pub ethnicity_numbering: f64,
    /// Numbers whose sex or year digits contradict the person.
    pub pin_digits: f64,
    /// Persons whose number the residence office mistyped.
    pub pin_mistyped: f64,
    /// Persons without a number in the residence office's rows.
    pub pin_missing: f64,
    /// Births registered again: two acts, one person.
    pub registered_again: f64,
    /// Births since 2016 whose act still lacks the number that the register has issued for it.
    pub birth_without_pin: f64,
    /// Digitised births of before 2016 that nobody has matched with a number yet.
    pub birth_unmatched: f64,
    /// Persons whose date of birth the residence office and the civil-status office state differently.
    pub birth_disputed: f64,
    /// Persons with a name change, correction or new determination.
    pub changed: f64,
    /// Numbers cancelled and re-established.
    pub reissued: f64,
    /// Living persons once declared missing, the declaration being cancelled since.
    pub came_back: f64,
    /// Children born since 1990 who were adopted (some 3,000 a year, of about 1.5 million births).
    pub adopted: f64,
    /// Births registered late (15 % in 2024).
    pub registered_late: f64,
    /// Birth and death notices whose number is mistyped on the registrar's act.
    pub notice_mistyped: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            junk: 0.003,
            unaccented: 0.01,
            decomposed: 0.02,
            tone_moved: 0.3,
            eth_for_d: 0.1,
            year_only: 0.1,
            false_first_january: 0.3,
            ethnicity_numbering: 0.004,
            pin_digits: 0.003,
            pin_mistyped: 0.002,
            pin_missing: 0.01,
            registered_again: 0.02,
            birth_without_pin: 0.3,
            birth_unmatched: 0.03,
            birth_disputed: 0.006,
            changed: 0.01,
            reissued: 0.004,
            came_back: 0.0005,
            adopted: 0.004,
            registered_late: 0.15,
            notice_mistyped: 0.03,
        }
    }
}

impl Rates {
    /// No traps at all: what a plain test wants.
    pub const fn none() -> Self {
        Self {
            junk: 0.0,
            unaccented: 0.0,
            decomposed: 0.0,
            tone_moved: 0.0,
            eth_for_d: 0.0,
            year_only: 0.0,
            false_first_january: 0.0,
            ethnicity_numbering: 0.0,
            pin_digits: 0.0,
            pin_mistyped: 0.0,
            pin_missing: 0.0,
            registered_again: 0.0,
            birth_without_pin: 0.0,
            birth_unmatched: 0.0,
            birth_disputed: 0.0,
            changed: 0.0,
            reissued: 0.0,
            came_back: 0.0,
            adopted: 0.0,
            registered_late: 0.0,
            notice_mistyped: 0.0,
        }
    }
}
