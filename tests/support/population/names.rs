//! Vietnamese names with real-world frequency: family names, Thị and Văn, given names by sex and generation, and the
//! names of other ethnic groups, which have their own order.

use super::chance::Chance;

/// A name as the civil-status office splits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Family name; some have none.
    pub family: Option<String>,
    /// Middle names.
    pub middle: Option<String>,
    /// Given name, or the whole name of people without a family name.
    pub given: String,
}

impl Name {
    /// A full name split as the civil-status office would: first and last word, the rest between; clan names stay whole.
    pub fn split(full: &str) -> Self {
        let words: Vec<&str> = full.split_whitespace().collect();
        match *words.as_slice() {
            [family, ref middle @ .., given] if family != "Y" && !family.starts_with("H'") => Self {
                family: Some(family.to_owned()),
                middle: (!middle.is_empty()).then(|| middle.join(" ")),
                given: given.to_owned(),
            },
            _ => Self { family: None, middle: None, given: full.to_owned() },
        }
    }

    /// In full, in the order in which it is spoken.
    pub fn full(&self) -> String {
        [self.family.as_deref(), self.middle.as_deref(), Some(&self.given)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Ethnic groups that the population has: code of the 1979 list, per mille of the people, code of the newer numbering where
/// the residence office writes one down.
#[rustfmt::skip]
pub(super) const GROUPS: [(&str, u32, Option<&str>); 17] = [
    ("01", 853, Some("01")), ("02", 19, Some("02")), ("03", 19, Some("03")), ("06", 15, Some("04")), ("05", 14, Some("05")),
    ("08", 14, Some("08")), ("07", 11, Some("07")), ("09", 9, Some("09")), ("04", 8, Some("06")), ("10", 5, Some("10")),
    ("12", 4, Some("11")), ("13", 3, Some("12")), ("14", 2, Some("16")), ("17", 2, Some("14")), ("16", 2, Some("15")),
    ("21", 1, Some("19")), ("28", 1, None),
];

/// Per mille, after Lê Trung Hoa.
#[rustfmt::skip]
const FAMILY: [(&str, u32); 34] = [
    ("Nguyễn", 384), ("Trần", 121), ("Lê", 95), ("Phạm", 70), ("Huỳnh", 26), ("Hoàng", 25), ("Phan", 45), ("Vũ", 20), ("Võ", 19),
    ("Đặng", 21), ("Bùi", 20), ("Đỗ", 14), ("Hồ", 13), ("Ngô", 13), ("Dương", 10), ("Lý", 5), ("Đinh", 9), ("Đoàn", 8), ("Trịnh", 8),
    ("Mai", 8), ("Lưu", 6), ("Tạ", 5), ("Lương", 7), ("Cao", 7), ("Hà", 6), ("Tô", 4), ("Chu", 4), ("Thái", 4), ("La", 3),
    ("Quách", 2), ("Vương", 4), ("Tôn", 2), ("Đào", 6), ("Hứa", 1),
];

#[rustfmt::skip]
const FAMILY_OF: [(&str, &[&str]); 9] = [
    ("02", &["Nông", "Hoàng", "Bế", "Ma", "Lương"]),
    ("03", &["Lò", "Quàng", "Cà", "Lường", "Tòng"]),
    ("06", &["Bùi", "Quách", "Đinh", "Bạch", "Hà"]),
    ("05", &["Thạch", "Sơn", "Danh", "Kim", "Châu"]),
    ("08", &["Giàng", "Sùng", "Vàng", "Thào", "Lầu"]),
    ("07", &["Nông", "Triệu", "Lục", "Hoàng", "Vi"]),
    ("09", &["Triệu", "Bàn", "Phùng", "Đặng", "Lý"]),
    ("04", &["Trần", "Lâm", "Quách", "Lưu", "Vương"]),
    ("17", &["Đàng", "Báo", "Quảng", "Thành", "Lưu"]),
];

/// Groups whose names end with the clan: Ê-đê, Gia-rai, Ba-na, Xơ-đăng, Cơ-ho, Ra-glai, Mạ.
#[rustfmt::skip]
const CLANS: [&str; 9] = ["Niê", "Byă", "Mlô", "Êban", "Kbuôr", "Ksor", "Siu", "Rah Lan", "Rơ Châm"];
#[rustfmt::skip]
const CLAN_WOMEN: [&str; 8] = ["Hen", "Lim", "Bluin", "Yam", "Đim", "Ngân", "Wơn", "Mai"];
#[rustfmt::skip]
const CLAN_MEN: [&str; 8] = ["Bhim", "Thắng", "Ngôk", "Đức", "Khoa", "Blik", "Tlung", "Hòa"];

#[rustfmt::skip]
const MEN: [&[&str]; 3] = [
    &["Hùng", "Dũng", "Hòa", "Thành", "Sơn", "Quang", "Bình", "Phúc", "Minh", "Long", "Tấn", "Lợi", "Thủy", "Quý", "Đạo", "Khỏe"],
    &["Tuấn", "Anh", "Hùng", "Cường", "Nam", "Hải", "Thắng", "Trung", "Hiếu", "Đức", "Toàn", "Hoàn", "Tùng", "Duy", "Vinh", "Thụy"],
    &["Minh", "Huy", "Bảo", "Khang", "Phúc", "Khôi", "Gia Bảo", "Đăng", "Nhật", "An", "Quân", "Phát", "Thiên", "Hào", "Kiệt", "Đạt"],
];
#[rustfmt::skip]
const WOMEN: [&[&str]; 3] = [
    &["Lan", "Hoa", "Hồng", "Nga", "Thúy", "Hòa", "Mai", "Loan", "Bé", "Sáu", "Út", "Lý", "Thủy", "Tuyết", "Đào", "Khỏe"],
    &["Hương", "Thảo", "Trang", "Linh", "Hà", "Thủy", "Hạnh", "Phương", "Ngọc", "Thùy", "Yến", "Dung", "Hòa", "Quyên", "Vân", "Hiền"],
    &["Anh", "Vy", "Ngọc", "Nhi", "Hân", "Thư", "Linh", "Ngân", "Châu", "Phương", "My", "Khánh An", "Tuệ Mỹ", "Thùy", "Đan", "Diệp"],
];
#[rustfmt::skip]
const MIDDLE_MEN: [&str; 14] =
    ["Đức", "Minh", "Quang", "Hữu", "Công", "Thành", "Xuân", "Ngọc", "Đình", "Hoàng", "Anh", "Gia", "Tuấn", "Bá"];
#[rustfmt::skip]
const MIDDLE_WOMEN: [&str; 12] =
    ["Ngọc", "Thanh", "Thu", "Kim", "Hồng", "Bích", "Minh", "Phương", "Khánh", "Bảo", "Thùy", "Quỳnh"];

/// An ethnic group by its share, as its code of the 1979 list.
pub(super) fn ethnicity(chance: &mut Chance) -> &'static str {
    chance.weighted(&GROUPS.map(|(code, weight, _)| (code, weight)))
}

/// The group's code of the 1979 list, from the newer numbering's.
pub fn ethnicity_of_newer(code: &str) -> Option<&'static str> {
    GROUPS.iter().find(|(_, _, newer)| *newer == Some(code)).map(|(own, _, _)| *own)
}

/// The group's code of the newer numbering, where the residence office writes one down.
pub fn newer_ethnicity(code: &str) -> Option<&'static str> {
    GROUPS.iter().find(|(own, _, _)| *own == code).and_then(|(_, _, newer)| *newer)
}

/// A name; with the family name of the father, where the group has one.
pub fn name(chance: &mut Chance, ethnicity: &str, female: bool, born: i32, family: Option<&str>) -> Name {
    if ["12", "10", "13", "14", "16", "21", "28"].contains(&ethnicity) {
        return clan_name(chance, female);
    }
    let family = match family {
        Some(family) => family.to_owned(),
        None => family_name(chance, ethnicity).to_owned(),
    };
    let (given, middle) = given_name(chance, ethnicity, female, born);
    Name { family: Some(family), middle, given: given.to_owned() }
}

fn family_name(chance: &mut Chance, ethnicity: &str) -> &'static str {
    match FAMILY_OF.iter().find(|(group, _)| *group == ethnicity) {
        Some((_, names)) => chance.pick(names),
        None => chance.weighted(&FAMILY),
    }
}

/// H'Hen Niê, Y Bhim Byă: prefix by sex, clan last; all of it stands where others have the given name.
fn clan_name(chance: &mut Chance, female: bool) -> Name {
    let clan = chance.pick(&CLANS);
    let given = if female {
        format!("H'{} {clan}", chance.pick(&CLAN_WOMEN))
    } else {
        format!("Y {} {clan}", chance.pick(&CLAN_MEN))
    };
    Name { family: None, middle: None, given }
}

fn given_name(
    chance: &mut Chance,
    ethnicity: &str,
    female: bool,
    born: i32,
) -> (&'static str, Option<String>) {
    let generation = usize::from(born >= 1965) + usize::from(born >= 1995);
    let lists = if female { &WOMEN } else { &MEN };
    let given = chance.pick(lists.get(generation).copied().unwrap_or_default());
    // Thị and Văn go out of fashion; a Hmông man is A, a woman Thị.
    let traditional = [0.85, 0.6, 0.3].get(generation).copied().unwrap_or(0.0);
    let middle = match (chance.hit(traditional), female) {
        (true, true) => "Thị",
        (true, false) if ethnicity == "08" => "A",
        (true, false) => "Văn",
        (false, true) => chance.pick(&MIDDLE_WOMEN),
        (false, false) => chance.pick(&MIDDLE_MEN),
    };
    (given, (!chance.hit(0.02)).then(|| middle.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::CodeLists;

    #[test]
    fn family_names_have_their_frequency() {
        let mut chance = Chance::new(1, 0);
        let names: Vec<_> = (0..20_000).map(|_| name(&mut chance, "01", true, 1980, None)).collect();
        let per_mille =
            |f: &dyn Fn(&Name) -> bool| names.iter().filter(|n| f(n)).count() * 1000 / names.len();
        let nguyen = per_mille(&|n| n.family.as_deref() == Some("Nguyễn"));
        assert!((360..400).contains(&nguyen), "{nguyen}");
        let thi = per_mille(&|n| n.middle.as_deref() == Some("Thị"));
        assert!((550..630).contains(&thi), "{thi}");
    }

    #[test]
    fn clan_names_have_no_family_name() {
        let name = name(&mut Chance::new(1, 0), "12", true, 1990, Some("Nguyễn"));
        assert!(name.family.is_none() && name.full().starts_with("H'"), "{name:?}");
    }

    #[test]
    fn both_numberings_mean_the_same_group() {
        let lists = CodeLists::parse([include_str!("../../../schemas/codes/ethnicity_1979.toml")]).unwrap();
        let list = lists.get("ethnicity_1979").unwrap();
        for (code, _, newer) in GROUPS {
            let own = list.translate(None, code).unwrap();
            assert!(
                newer.is_none_or(|newer| list.translate(Some("ethnicity_gso"), newer).as_ref() == Some(&own)),
                "{code}"
            );
        }
    }
}
