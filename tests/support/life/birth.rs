//! A birth on its way through four offices: hospital, registrar, identity office, commune police.

use super::civil_status::next_act;
use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::{Subject, Wanted};
use super::{DRAWS, FollowUp, LifeStream};
use crate::population::{
    Chance, Name, Place, Precision, compact, day_first, iso, name, newer_ethnicity, pin, unaccented,
};
use anyhow::Context as _;
use chrono::{Datelike, NaiveDate};
use sqlx::FromRow;

const NOTICE: &str = "insert into y_te.giay_chung_sinh (so_giay, ma_co_so, ngay_sinh, gio_sinh, gioi_tinh, can_nang, \
     me_ho_ten, me_ngay_sinh, me_so_dinh_danh, lap_ngay) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     on conflict do nothing";

const RECENT_BIRTH: &str =
    "select exists (select 1 from hotich.khai_sinh where me_so_dinh_danh = $1 and ngay_dang_ky > $2)";

const FATHER: &str = "select concat_ws(' ', chong_ho, chong_chu_dem, chong_ten), chong_ngay_sinh, chong_dan_toc, \
       chong_so_dinh_danh from hotich.ket_hon \
     where vo_so_dinh_danh = $1 and trang_thai = 'HL' order by id desc limit 1";

const BIRTH: &str = "insert into hotich.khai_sinh (ma_co_quan, quyen_so, nam_so, so, loai_dang_ky, trang_thai, \
     ngay_dang_ky, so_giay_chung_sinh, con_ho, con_chu_dem, con_ten, con_ngay_sinh, con_gioi_tinh, con_dan_toc, \
     con_quoc_tich, noi_sinh_tinh, noi_sinh_xa, noi_sinh_chi_tiet, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, \
     me_ho_ten, me_ngay_sinh, me_dan_toc, me_quoc_tich, me_so_dinh_danh, cha_ho_ten, cha_ngay_sinh, cha_dan_toc, \
     cha_quoc_tich, cha_so_dinh_danh) \
     values ($1, $2, $3, $4, 1, 'HL', $5, $6, $7, $8, $9, $10, $11, $12, 'VN', $13, $14, $15, $25, $26, $13, $14, \
       $16, $17, $18, 'VN', $19, $20, $21, $22, $23, $24) returning id";

const ACT: &str = "select concat_ws(' ', con_ho, con_chu_dem, con_ten) as name, con_ngay_sinh as born, \
       con_gioi_tinh as sex, con_dan_toc as ethnicity, noi_sinh_tinh as province, noi_sinh_xa as commune, \
       noi_dk_xa as registered_at, ngay_dang_ky as registered_on, ma_co_quan as office, quyen_so as book, nam_so as year, so as number \
     from hotich.khai_sinh where id = $1";

#[derive(FromRow)]
struct Act {
    name: String,
    born: String,
    sex: String,
    ethnicity: String,
    province: String,
    commune: String,
    registered_at: String,
    registered_on: NaiveDate,
    office: String,
    book: String,
    year: i32,
    number: i32,
}

impl Act {
    fn born(&self) -> anyhow::Result<NaiveDate> {
        NaiveDate::parse_from_str(&self.born, "%d/%m/%Y")
            .context("a birth act of this stream has a full date of birth")
    }

    fn female(&self) -> bool {
        self.sex == "1"
    }
}

const ISSUE: &str = "insert into can_cuoc.so_dinh_danh (so_dinh_danh, trang_thai, ngay_xac_lap, ho_ten, ngay_sinh, \
     gioi_tinh, quoc_tich, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so) \
     values ($1, 'XL', $2, $3, $4, $5, 'VN', $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing";

/// The mother's registration, where there is one.
const HOME: &str = "select so_ho_so, ma_xa, tu_ngay, dia_chi from cu_tru.thuong_tru where ma_cong_dan = $1 and trang_thai = 1";

#[derive(FromRow)]
struct Home(String, Option<String>, Option<NaiveDate>, Option<String>);

const CITIZEN: &str = "insert into cu_tru.cong_dan (so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, quoc_tich, que_quan_tinh, \
     que_quan_xa, dan_toc) values ($1, $2, $3, $4, 'VN', $5, $6, $7) returning ma_cong_dan";

const REGISTER: &str = "insert into cu_tru.thuong_tru (ma_cong_dan, so_dinh_danh, so_ho_so, quan_he_chu_ho, ma_tinh, ma_xa, \
     dia_chi, tu_ngay, trang_thai) values ($1, $2, $3, 'CO', $4, $5, $6, $7, 1) returning id";

#[derive(FromRow)]
struct Father(String, Option<String>, Option<String>, Option<String>);

/// A child as the parents bring it to the registrar.
struct Child {
    name: Name,
    female: bool,
    born: NaiveDate,
    ethnicity: String,
    place: Place,
}

impl LifeStream {
    pub(super) async fn birth(&mut self) -> anyhow::Result<AppliedEvent> {
        let mother = self.mother().await?;
        let father: Option<Father> =
            sqlx::query_as(FATHER).bind(&mother.pin).fetch_optional(&self.databases.civil_status).await?;
        let born = self.chance.day_after(self.today, -30..=-2);
        let female = self.chance.hit(0.472);
        let ethnicity =
            father.as_ref().and_then(|f| f.2.clone()).unwrap_or_else(|| mother.ethnicity.to_owned());
        let family = father.as_ref().map_or_else(|| mother.name.clone(), |f| f.0.clone());
        let family = Name::split(&family).family;
        let name = name(&mut self.chance, &ethnicity, female, born.year(), family.as_deref());
        let child = Child { name, female, born, ethnicity, place: self.office_of(&mother.pin) };
        let notice = self.birth_notice(&mother, &child).await?;
        let roles = if father.is_some() { &["child", "mother", "father"][..] } else { &["child", "mother"] };
        let birth = self.register_birth(&mother, father, &child, &notice.1).await?;
        self.tell(LifeEvent::Birth, FollowUp::IssuePin { birth, mother: mother.citizen });
        let row = WrittenRow::new(("civil_status", "hotich.khai_sinh", "birth"), birth, roles)?;
        let step = "the registrar registers a birth, without a number";
        Ok(AppliedEvent { event: LifeEvent::Birth, step, rows: vec![notice.0, row] })
    }

    /// A married woman who has registered no birth for a while.
    async fn mother(&mut self) -> anyhow::Result<Subject> {
        let wanted = Wanted { female: Some(true), marital_status: Some("KH"), age: (19, 43) };
        let since = self.chance.day_after(self.today, -400..=-300);
        for _ in 0..DRAWS {
            let woman = self.somebody(wanted).await?;
            let recent = sqlx::query_scalar(RECENT_BIRTH).bind(&woman.pin).bind(since);
            if !recent.fetch_one(&self.databases.civil_status).await? {
                return Ok(woman);
            }
        }
        anyhow::bail!(
            "no married woman could have a child now; load more people (cargo xtask demo --people N)"
        )
    }

    async fn birth_notice(
        &mut self,
        mother: &Subject,
        child: &Child,
    ) -> anyhow::Result<(WrittenRow, String)> {
        let facility = format!("{}101", child.place.province());
        // A stream with the seed of an earlier one draws the earlier one's numbers first.
        let number = loop {
            let number = format!("{facility}.CS.{}.{}", child.born.year(), self.chance.digits(8));
            let written = sqlx::query(NOTICE)
                .bind(&number)
                .bind(&facility)
                .bind(day_first(child.born, Precision::Day))
                .bind(format!("{:02}:{:02}", self.chance.between(0..=23), self.chance.between(0..=59)))
                .bind(if child.female { "Nu" } else { "Nam" })
                .bind(i32::try_from(self.chance.between(2400..=4200)).unwrap_or(3000))
                .bind(unaccented(&mother.name).to_uppercase())
                .bind(mother.born_day_first())
                .bind(&mother.pin)
                .bind(child.born)
                .execute(&self.databases.medical)
                .await?;
            if written.rows_affected() == 1 {
                break number;
            }
        };
        let row = WrittenRow::new(
            ("medical", "y_te.giay_chung_sinh", "birth_notice"),
            &number,
            &["child", "mother"],
        )?;
        Ok((row, number))
    }

    async fn register_birth(
        &self,
        mother: &Subject,
        father: Option<Father>,
        child: &Child,
        notice: &str,
    ) -> anyhow::Result<i64> {
        let mut registrar = self.databases.civil_status.begin().await?;
        let act = next_act(&mut registrar, ("hotich.khai_sinh", "KS"), child.place, self.today).await?;
        let Father(his_name, his_birth, his_ethnicity, his_pin) =
            father.unwrap_or(Father(String::new(), None, None, None));
        let known = !his_name.is_empty();
        let registered_at = child.place.codes(self.today);
        let id = sqlx::query_scalar(BIRTH)
            .bind(act.office)
            .bind(act.book)
            .bind(act.year)
            .bind(act.number)
            .bind(self.today)
            .bind(notice)
            .bind(&child.name.family)
            .bind(&child.name.middle)
            .bind(&child.name.given)
            .bind(day_first(child.born, Precision::Day))
            .bind(if child.female { "1" } else { "0" })
            .bind(&child.ethnicity)
            .bind(child.place.pin_digits())
            .bind(child.place.commune_on(child.born))
            .bind(format!("Bệnh viện {}", child.place.commune_on(child.born)))
            .bind(&mother.name)
            .bind(mother.born_day_first())
            .bind(mother.ethnicity)
            .bind(&mother.pin)
            .bind(known.then_some(his_name))
            .bind(his_birth)
            .bind(his_ethnicity)
            .bind(known.then_some("VN"))
            .bind(his_pin)
            .bind(registered_at.province)
            .bind(registered_at.commune)
            .fetch_one(&mut *registrar)
            .await?;
        registrar.commit().await?;
        Ok(id)
    }

    /// The identity office answers a birth without number.
    pub(super) async fn issue_pin(&mut self, birth: i64, mother: i64) -> anyhow::Result<AppliedEvent> {
        let act: Act = sqlx::query_as(ACT).bind(birth).fetch_one(&self.databases.civil_status).await?;
        let born = act.born()?;
        let registered_at = Place::written(&act.registered_at, act.registered_on)
            .context("the act was registered in a commune that no list has")?
            .codes(self.today);
        let number = loop {
            let number = number_of(&act, born, &mut self.chance);
            let issued = sqlx::query(ISSUE)
                .bind(&number)
                .bind(self.today)
                .bind(&act.name)
                .bind(compact(born, Precision::Day))
                .bind(if act.female() { "2" } else { "1" })
                .bind(registered_at.province)
                .bind(registered_at.commune)
                .bind(&act.province)
                .bind(&act.commune)
                .bind(&act.office)
                .bind(&act.book)
                .bind(act.year)
                .bind(act.number)
                .execute(&self.databases.identity)
                .await?;
            if issued.rows_affected() == 1 {
                break number;
            }
        };
        let row = WrittenRow::new(("identity", "can_cuoc.so_dinh_danh", "pin"), &number, &["holder"])?;
        self.tell(LifeEvent::Birth, FollowUp::RegisterChild { birth, mother, pin: number });
        Ok(AppliedEvent {
            event: LifeEvent::Birth,
            step: "the identity office issues the number",
            rows: vec![row],
        })
    }

    /// The commune police register the child in the mother's household.
    pub(super) async fn register_child(
        &mut self,
        birth: i64,
        mother: i64,
        pin: String,
    ) -> anyhow::Result<AppliedEvent> {
        let act: Act = sqlx::query_as(ACT).bind(birth).fetch_one(&self.databases.civil_status).await?;
        let mut police = self.databases.residence.begin().await?;
        let citizen: i64 = sqlx::query_scalar(CITIZEN)
            .bind(&pin)
            .bind(act.name.to_uppercase())
            .bind(iso(act.born()?, Precision::Day))
            .bind(if act.female() { "2" } else { "1" })
            .bind(act.province.get(1..).unwrap_or_default())
            .bind(&act.commune)
            .bind(newer_ethnicity(&act.ethnicity))
            .fetch_one(&mut *police)
            .await?;
        let home: Option<Home> = sqlx::query_as(HOME).bind(mother).fetch_optional(&mut *police).await?;
        let mut registration: Option<i64> = None;
        if let Some(Home(file, commune, written, house)) = home {
            let place = commune.zip(written).and_then(|(commune, on)| Place::written(&commune, on));
            let codes = place.map(|place| place.codes(self.today));
            let insert = sqlx::query_scalar(REGISTER).bind(citizen).bind(&pin).bind(file);
            let insert =
                insert.bind(codes.map(|codes| codes.province)).bind(codes.map(|codes| codes.commune));
            registration = Some(insert.bind(house).bind(self.today).fetch_one(&mut *police).await?);
        }
        police.commit().await?;
        let mut rows =
            vec![WrittenRow::new(("residence", "cu_tru.cong_dan", "person"), citizen, &["resident"])?];
        if let Some(id) = registration {
            rows.push(WrittenRow::new(("residence", "cu_tru.thuong_tru", "permanent"), id, &["resident"])?);
        }
        Ok(AppliedEvent { event: LifeEvent::Birth, step: "the commune police register the child", rows })
    }
}

/// A number for the act: its province, the child's sex and year.
fn number_of(act: &Act, born: NaiveDate, chance: &mut Chance) -> String {
    pin(Place::of_number(&act.province, chance), act.female(), born.year(), chance)
}
