//! Provinces before and after 1 July 2025, communes, streets.

use super::chance::Chance;

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
const COMMUNE_NAMES: [&str; 40] = [
    "Hòa Bình", "Tân Lập", "Minh Khai", "Quang Trung", "Thống Nhất", "Tân Thành", "Đoàn Kết", "Phú Mỹ", "An Phú", "Bình Minh",
    "Long Hòa", "Vĩnh Thạnh", "Thủy Xuân", "Đông Sơn", "Xuân Thủy", "Yên Thịnh", "Hưng Đạo", "Trung Nghĩa", "Tam Đồng", "Cẩm Lệ",
    "Mỹ Phước", "Phước Hải", "Sơn Tây", "Kim Liên", "Nam Hồng", "Bắc Sơn", "Lạc Đạo", "Thanh Hà", "Ea Kao", "Mường Bú",
    "Nà Phặc", "Tả Van", "Krông Búk", "Ngọc Hồi", "Cái Khế", "Đức Hòa", "Châu Phú", "Giồng Riềng", "Cù Lao Dung", "Hải Thượng",
];

#[rustfmt::skip]
const STREETS: [&str; 20] = [
    "Lê Lợi", "Trần Hưng Đạo", "Nguyễn Huệ", "Hai Bà Trưng", "Lý Thường Kiệt", "Phan Chu Trinh", "Quang Trung", "Hùng Vương",
    "Điện Biên Phủ", "Nguyễn Trãi", "Võ Thị Sáu", "Hoàng Diệu", "Bà Triệu", "Ngô Quyền", "Lê Duẩn", "Tôn Đức Thắng",
    "Nguyễn Du", "Phạm Ngũ Lão", "Cách Mạng Tháng Tám", "Xô Viết Nghệ Tĩnh",
];

/// A commune of one of the 63 provinces, which is also a registering office.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    province: &'static str,
    since_2025: &'static str,
    commune: u16,
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

    /// Another commune of the same province.
    #[must_use]
    pub fn nearby(self, chance: &mut Chance) -> Self {
        Self::in_province((self.province, self.since_2025, 0), chance)
    }

    fn in_province((province, since_2025, _): Province, chance: &mut Chance) -> Self {
        Self { province, since_2025, commune: u16::try_from(chance.below(COMMUNE_NAMES.len())).unwrap_or(0) }
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

    /// Code of the registering office.
    pub fn office(self) -> String {
        format!("{}{:03}", self.province, self.commune + 1)
    }

    /// Name of the commune: wards in the five cities, communes elsewhere.
    pub fn commune(self) -> String {
        let name = COMMUNE_NAMES.get(usize::from(self.commune)).copied().unwrap_or_default();
        let kind = if ["01", "31", "48", "79", "92"].contains(&self.province) { "Phường" } else { "Xã" };
        format!("{kind} {name}")
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
    use registry_rules::CodeLists;

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
}
