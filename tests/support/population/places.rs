//! Provinces and communes before and after 1 July 2025, as the filed lists have them; streets.

use super::chance::Chance;
use chrono::NaiveDate;
use registry_rules::{CodeLists, Lead};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A province of the 63, the one of the 34 it went into, and its share of the people (thousands, census 2019, rounded).
type Province = (&'static str, &'static str, u32);

/// All 63, by the digits that their numbers begin with (after a 0).
#[rustfmt::skip]
const PROVINCES: [Province; 63] = [
    ("01", "01", 8050), ("02", "08", 855), ("04", "04", 530), ("06", "19", 314), ("08", "08", 785),
    ("10", "15", 730), ("11", "11", 599), ("12", "12", 460), ("14", "14", 1248), ("15", "15", 821),
    ("17", "25", 854), ("19", "19", 1286), ("20", "20", 782), ("22", "22", 1320), ("24", "24", 1804),
    ("25", "25", 1463), ("26", "25", 1154), ("27", "24", 1369), ("30", "31", 1892), ("31", "31", 2029),
    ("33", "33", 1253), ("34", "33", 1860), ("35", "37", 853), ("36", "37", 1780), ("37", "37", 982),
    ("38", "38", 3640), ("40", "40", 3327), ("42", "42", 1289), ("44", "44", 896), ("45", "44", 632),
    ("46", "46", 1129), ("48", "48", 1134), ("49", "48", 1496), ("51", "51", 1232), ("52", "52", 1487),
    ("54", "66", 872), ("56", "56", 1231), ("58", "56", 591), ("60", "68", 1231), ("62", "51", 540),
    ("64", "52", 1514), ("66", "66", 1869), ("67", "68", 622), ("68", "68", 1297), ("70", "75", 995),
    ("72", "80", 1169), ("74", "79", 2427), ("75", "75", 3097), ("77", "79", 1148), ("79", "79", 8993),
    ("80", "80", 1689), ("82", "82", 1764), ("83", "86", 1288), ("84", "86", 1009), ("86", "86", 1022),
    ("87", "82", 1599), ("89", "91", 1908), ("91", "91", 1723), ("92", "92", 1235), ("93", "92", 733),
    ("94", "92", 1200), ("95", "96", 907), ("96", "96", 1194),
];

#[rustfmt::skip]
const STREETS: [&str; 20] = [
    "Lê Lợi", "Trần Hưng Đạo", "Nguyễn Huệ", "Hai Bà Trưng", "Lý Thường Kiệt", "Phan Chu Trinh", "Quang Trung", "Hùng Vương",
    "Điện Biên Phủ", "Nguyễn Trãi", "Võ Thị Sáu", "Hoàng Diệu", "Bà Triệu", "Ngô Quyền", "Lê Duẩn", "Tôn Đức Thắng",
    "Nguyễn Du", "Phạm Ngũ Lão", "Cách Mạng Tháng Tám", "Xô Viết Nghệ Tĩnh",
];

/// The first day of the 34 provinces and their communes.
const REFORM: NaiveDate = NaiveDate::from_ymd_opt(2025, 7, 1).expect("a day of the calendar");

/// A commune until the reform, and those that it went into.
struct Unit {
    code: String,
    name: String,
    since_2025: Vec<(String, String)>,
}

/// All communes of the filed lists, by the digits of their province.
static UNITS: LazyLock<BTreeMap<String, Vec<Unit>>> = LazyLock::new(|| {
    let lists = CodeLists::parse([
        include_str!("../../../schemas/codes/commune_2004.toml"),
        include_str!("../../../schemas/codes/commune_2025.toml"),
    ])
    .expect("the filed lists are whole");
    let (old, new) =
        lists.get("commune_2004").zip(lists.get("commune_2025")).expect("both lists of communes are filed");
    let mut units: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    for (code, name) in &old.codes {
        let became = match new.lead("commune_2004", code) {
            Lead::One(one) => vec![one],
            Lead::Several(several) => several.iter().map(String::as_str).collect(),
            Lead::Nowhere => Vec::new(),
        };
        let named = |code: &str| Some((code.to_owned(), new.codes.get(code)?.vi.clone()));
        let since_2025 = became.into_iter().filter_map(named).collect();
        let province = name.within.as_deref().and_then(|within| within.split_once(':')).unwrap_or_default().1;
        let unit = Unit { code: code.clone(), name: name.vi.clone(), since_2025 };
        units.entry(province.to_owned()).or_default().push(unit);
    }
    units
});

/// A commune of one of the 63 provinces, which is also a registering office, and the part of it that people there live in: of a
/// commune that was divided in 2025, each part went into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    province: &'static str,
    since_2025: &'static str,
    unit: usize,
    part: usize,
}

/// Province and commune in the numbers of the lists in force on some day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Two digits, of the 63 or the 34.
    pub province: &'static str,
    /// Five digits.
    pub commune: &'static str,
}

impl Place {
    /// A place anywhere, by population.
    pub fn anywhere(chance: &mut Chance) -> Self {
        let weights: Vec<_> = PROVINCES.iter().enumerate().map(|(i, (_, _, weight))| (i, *weight)).collect();
        let index = chance.weighted(&weights);
        Self::in_province(PROVINCES.get(index).copied().unwrap_or(("01", "01", 0)), chance)
    }

    /// A place in a big city, where people move to.
    pub fn in_city(chance: &mut Chance) -> Self {
        let province = chance.weighted(&[
            (("79", "79", 0), 5),
            (("01", "01", 0), 3),
            (("74", "79", 0), 2),
            (("48", "48", 0), 1),
        ]);
        Self::in_province(province, chance)
    }

    /// A commune of the province that a personal number begins with; anywhere, if there is no such province.
    pub fn of_number(pin: &str, chance: &mut Chance) -> Self {
        let digits = pin.get(1..3).unwrap_or_default();
        match PROVINCES.iter().find(|(province, _, _)| *province == digits) {
            Some(province) => Self::in_province(*province, chance),
            None => Self::anywhere(chance),
        }
    }

    /// What an office wrote on a day; of a commune that has been divided since, the part that comes first in the list stands for
    /// the one that the office knows.
    pub fn written(commune: &str, on: NaiveDate) -> Option<Self> {
        PROVINCES.iter().find_map(|(province, since_2025, _)| {
            let units = UNITS.get(*province)?;
            let part = |unit: &Unit| unit.since_2025.iter().position(|(code, _)| code == commune);
            let found =
                |unit: &Unit| if on < REFORM { (unit.code == commune).then_some(0) } else { part(unit) };
            let (unit, part) = units.iter().enumerate().find_map(|(n, unit)| Some((n, found(unit)?)))?;
            Some(Self { province, since_2025, unit, part })
        })
    }

    /// Another commune of the same province.
    #[must_use]
    pub fn nearby(self, chance: &mut Chance) -> Self {
        Self::in_province((self.province, self.since_2025, 0), chance)
    }

    fn in_province((province, since_2025, _): Province, chance: &mut Chance) -> Self {
        let units = UNITS.get(province).map_or(&[][..], Vec::as_slice);
        let unit = chance.below(units.len());
        let parts = units.get(unit).map_or(0, |unit| unit.since_2025.len());
        Self { province, since_2025, unit, part: chance.below(parts) }
    }

    /// Two digits, of the 63.
    pub const fn province(self) -> &'static str {
        self.province
    }

    /// Two digits, of the 34.
    pub const fn province_since_2025(self) -> &'static str {
        self.since_2025
    }

    /// Three digits, as a PIN begins.
    pub fn pin_digits(self) -> String {
        format!("0{}", self.province)
    }

    /// Code of the registering office: that of its commune when the books were opened.
    pub fn office(self) -> String {
        self.unit().map(|unit| unit.code.clone()).unwrap_or_default()
    }

    /// Name of the commune until the reform.
    pub fn commune(self) -> String {
        self.unit().map(|unit| unit.name.clone()).unwrap_or_default()
    }

    /// Name of the commune on a day.
    pub fn commune_on(self, day: NaiveDate) -> String {
        self.since_2025().filter(|_| day >= REFORM).map_or_else(|| self.commune(), |(_, name)| name.clone())
    }

    /// Province and commune as an office writes them on a day.
    pub fn codes(self, day: NaiveDate) -> Codes {
        let before = || self.unit().map_or("", |unit| unit.code.as_str());
        match self.since_2025().filter(|_| day >= REFORM) {
            Some((commune, _)) => Codes { province: self.since_2025, commune },
            None => Codes { province: self.province, commune: before() },
        }
    }

    fn unit(self) -> Option<&'static Unit> {
        UNITS.get(self.province)?.get(self.unit)
    }

    fn since_2025(self) -> Option<&'static (String, String)> {
        self.unit()?.since_2025.get(self.part)
    }
}

/// A house somewhere in a commune.
pub fn house(chance: &mut Chance) -> String {
    let number = chance.between(1..=420);
    if chance.hit(0.6) {
        format!("{number} {}", chance.pick(&STREETS))
    } else {
        format!("Thôn {}", number % 12 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provinces_are_those_of_the_code_lists() {
        let lists = CodeLists::parse([
            include_str!("../../../schemas/codes/province_2004.toml"),
            include_str!("../../../schemas/codes/province_2025.toml"),
        ])
        .unwrap();
        let (old, new) = (lists.get("province_2004").unwrap(), lists.get("province_2025").unwrap());
        assert_eq!((old.codes.len(), new.codes.len()), (63, 34));
        for (province, since_2025, _) in PROVINCES {
            assert!(old.translate(Some("pin"), &format!("0{province}")).is_some());
            assert_eq!(
                new.translate(Some("province_2004"), province).unwrap(),
                format!("province_2025:{since_2025}")
            );
        }
    }

    #[test]
    fn communes_are_those_of_the_code_lists_and_keep_their_place_through_the_reform() {
        let (before, since) = (REFORM.pred_opt().unwrap(), REFORM);
        assert_eq!((UNITS.len(), UNITS.values().map(Vec::len).sum::<usize>()), (63, 10_035));
        assert!(UNITS.values().flatten().all(|unit| !unit.since_2025.is_empty()), "none went nowhere");
        let trúc_bạch = Place::written("00004", before).unwrap();
        assert_eq!(
            (trúc_bạch.commune_on(before), trúc_bạch.commune_on(since)),
            ("Phường Trúc Bạch".into(), "Phường Ba Đình".into())
        );
        let mut chance = Chance::new(1, 1);
        for _ in 0..500 {
            let place = Place::anywhere(&mut chance);
            let (old, new) = (place.codes(before), place.codes(since));
            assert_eq!((old.province, new.province), (place.province(), place.province_since_2025()));
            assert_eq!(Place::written(old.commune, before).unwrap().commune(), place.commune());
            assert_eq!(Place::written(new.commune, since).unwrap().codes(since), new);
        }
    }
}
