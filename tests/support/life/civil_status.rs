//! The registrar: books and acts; death, marriage, divorce.

use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::{Subject, Wanted};
use super::{FollowUp, LifeStream};
use crate::population::{Name, Place, Precision, day_first, unaccented};
use chrono::{Datelike, NaiveDate};
use sqlx::{AssertSqlSafe, PgConnection};

/// An act's place in a book.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) office: String,
    pub(super) book: String,
    pub(super) year: i32,
    pub(super) number: i32,
}

/// The next act in the office's book of the year; the book is locked until the transaction ends.
pub(super) async fn next_act(
    connection: &mut PgConnection,
    (table, register): (&'static str, &'static str),
    place: Place,
    today: NaiveDate,
) -> anyhow::Result<Act> {
    let (office, book, year) = (place.office(), format!("{register}-01"), today.year());
    let lock = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    sqlx::query(lock).bind(format!("{table}/{office}/{book}/{year}")).execute(&mut *connection).await?;
    // The table's name is one of this program's own constants.
    let last = format!(
        "select coalesce(max(so), 0) from {table} where ma_co_quan = $1 and quyen_so = $2 and nam_so = $3"
    );
    let last: i32 = sqlx::query_scalar(AssertSqlSafe(last))
        .bind(&office)
        .bind(&book)
        .bind(year)
        .fetch_one(connection)
        .await?;
    Ok(Act { office, book, year, number: last + 1 })
}

const DEATH_NOTICE: &str = "insert into y_te.giay_bao_tu (so_giay, ma_co_so, ho_ten, ngay_sinh, gioi_tinh, so_dinh_danh, \
     ngay_chet, nguyen_nhan, lap_ngay) values ($1, $2, $3, $4, $5, $6, $7, 'bệnh', $8) on conflict do nothing";

const DEATH: &str = "insert into hotich.khai_tu (ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_dang_ky, \
     so_trich_luc, so_giay_bao_tu, ngay_chet, ho_ten, ngay_sinh, gioi_tinh, dan_toc, so_dinh_danh) \
     values ($1, $2, $3, $4, 1, 'HL', $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id";

const MARRIAGE: &str = "insert into hotich.ket_hon (ma_co_quan, quyen_so, nam_so, so, trang_thai, ngay_dang_ky, \
     chong_ho, chong_chu_dem, chong_ten, chong_ngay_sinh, chong_dan_toc, chong_quoc_tich, chong_so_dinh_danh, \
     vo_ho, vo_chu_dem, vo_ten, vo_ngay_sinh, vo_dan_toc, vo_quoc_tich, vo_so_dinh_danh) \
     values ($1, $2, $3, $4, 'HL', $5, $6, $7, $8, $9, $10, 'VN', $11, $12, $13, $14, $15, $16, 'VN', $17) returning id";

/// A marriage in force, both with numbers, that no divorce ends.
const NEXT_MARRIAGE: &str = "select ma_co_quan, quyen_so, nam_so, so, chong_so_dinh_danh, vo_so_dinh_danh, \
       concat_ws(' ', chong_ho, chong_chu_dem, chong_ten), concat_ws(' ', vo_ho, vo_chu_dem, vo_ten), \
       chong_ngay_sinh, vo_ngay_sinh \
     from hotich.ket_hon k where id >= $1 and trang_thai = 'HL' and nam_so >= 1995 \
       and chong_so_dinh_danh is not null and vo_so_dinh_danh is not null \
       and not exists (select 1 from hotich.ly_hon l where (l.kh_ma_co_quan, l.kh_quyen_so, l.kh_nam_so, l.kh_so) \
         = (k.ma_co_quan, k.quyen_so, k.nam_so, k.so)) \
     order by id limit 1";

#[derive(sqlx::FromRow)]
struct Marriage(String, String, i32, i32, String, String, String, String, Option<String>, Option<String>);

const DIVORCE: &str = "insert into hotich.ly_hon (ma_co_quan, quyen_so, nam_so, so, so_ban_an, toa_an, ngay_hieu_luc, \
     kh_ma_co_quan, kh_quyen_so, kh_nam_so, kh_so, chong_ho_ten, chong_ngay_sinh, chong_so_dinh_danh, vo_ho_ten, \
     vo_ngay_sinh, vo_so_dinh_danh) \
     values ($1, $2, $3, $4, $5, 'Tòa án nhân dân khu vực', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     returning id";

impl LifeStream {
    pub(super) async fn death(&mut self) -> anyhow::Result<AppliedEvent> {
        let old = Wanted { female: None, marital_status: None, age: (60, 110) };
        let subject = self.somebody(old).await?;
        let place = self.office_of(&subject.pin);
        let died = day_first(self.chance.day_after(self.today, -6..=0), Precision::Day);
        let mut rows = Vec::new();
        let notice =
            if self.chance.hit(0.7) { Some(self.death_notice(&subject, place, &died).await?) } else { None };
        rows.extend(notice.clone());
        let mut registrar = self.databases.civil_status.begin().await?;
        let act = next_act(&mut registrar, ("hotich.khai_tu", "KT"), place, self.today).await?;
        let id: i64 = sqlx::query_scalar(DEATH)
            .bind(&act.office)
            .bind(&act.book)
            .bind(act.year)
            .bind(act.number)
            .bind(self.today)
            .bind(format!("{}/TLKT-{}", act.number, act.office))
            .bind(notice.and_then(|row| row.row_key.as_str().rsplit('/').next().map(ToOwned::to_owned)))
            .bind(&died)
            .bind(&subject.name)
            .bind(subject.born_day_first())
            .bind(if subject.female { "1" } else { "0" })
            .bind(subject.ethnicity)
            .bind(&subject.pin)
            .fetch_one(&mut *registrar)
            .await?;
        registrar.commit().await?;
        rows.push(WrittenRow::new(("civil_status", "hotich.khai_tu", "death"), id, &["deceased"])?);
        self.tell(LifeEvent::Death, FollowUp::EndResidence { citizen: subject.citizen });
        Ok(AppliedEvent { event: LifeEvent::Death, step: "the registrar registers a death", rows })
    }

    async fn death_notice(
        &mut self,
        subject: &Subject,
        place: Place,
        died: &str,
    ) -> anyhow::Result<WrittenRow> {
        let facility = format!("{}101", place.province());
        // A stream with the seed of an earlier one draws the earlier one's numbers first.
        let number = loop {
            let number = format!("{facility}.BT.{}.{}", self.today.year(), self.chance.digits(8));
            let written = sqlx::query(DEATH_NOTICE)
                .bind(&number)
                .bind(&facility)
                .bind(unaccented(&subject.name).to_uppercase())
                .bind(subject.born_day_first())
                .bind(if subject.female { "Nu" } else { "Nam" })
                .bind(&subject.pin)
                .bind(died)
                .bind(self.today)
                .execute(&self.databases.medical)
                .await?;
            if written.rows_affected() == 1 {
                break number;
            }
        };
        WrittenRow::new(("medical", "y_te.giay_bao_tu", "death_notice"), number, &["deceased"])
    }

    pub(super) async fn marriage(&mut self) -> anyhow::Result<AppliedEvent> {
        let single = |female| Wanted { female: Some(female), marital_status: Some("DT"), age: (20, 45) };
        let (husband, wife) = (self.somebody(single(false)).await?, self.somebody(single(true)).await?);
        let place = self.office_of(&husband.pin);
        let mut registrar = self.databases.civil_status.begin().await?;
        let act = next_act(&mut registrar, ("hotich.ket_hon", "KH"), place, self.today).await?;
        let mut insert = sqlx::query_scalar(MARRIAGE)
            .bind(act.office)
            .bind(act.book)
            .bind(act.year)
            .bind(act.number)
            .bind(self.today);
        for spouse in [&husband, &wife] {
            let name = Name::split(&spouse.name);
            insert = insert.bind(name.family).bind(name.middle).bind(name.given);
            insert = insert.bind(spouse.born_day_first()).bind(spouse.ethnicity).bind(&spouse.pin);
        }
        let id: i64 = insert.fetch_one(&mut *registrar).await?;
        registrar.commit().await?;
        let citizens = [husband.citizen, wife.citizen];
        self.tell(LifeEvent::Marriage, FollowUp::NoteMaritalStatus { citizens, status: "KH" });
        let row = WrittenRow::new(("civil_status", "hotich.ket_hon", "marriage"), id, &["husband", "wife"])?;
        Ok(AppliedEvent {
            event: LifeEvent::Marriage,
            step: "the registrar registers a marriage",
            rows: vec![row],
        })
    }

    pub(super) async fn divorce(&mut self) -> anyhow::Result<AppliedEvent> {
        let highest: Option<i64> = sqlx::query_scalar("select max(id) from hotich.ket_hon")
            .fetch_one(&self.databases.civil_status)
            .await?;
        let mut registrar = self.databases.civil_status.begin().await?;
        let mut from = self.chance.between(1..=highest.unwrap_or(1));
        let found = loop {
            let next = sqlx::query_as(NEXT_MARRIAGE).bind(from).fetch_optional(&mut *registrar).await?;
            match next {
                None if from > 1 => from = 1,
                found => break found,
            }
        };
        let Some(marriage): Option<Marriage> = found else {
            anyhow::bail!(
                "there is no marriage left that could end; load more people (cargo xtask demo --people N)"
            );
        };
        let Marriage(office, book, year, number, his_pin, her_pin, his_name, her_name, his_birth, her_birth) =
            marriage;
        let place = Place::of_number(&his_pin, &mut self.chance);
        let act = next_act(&mut registrar, ("hotich.ly_hon", "LH"), place, self.today).await?;
        let id: i64 = sqlx::query_scalar(DIVORCE)
            .bind(act.office)
            .bind(act.book)
            .bind(act.year)
            .bind(act.number)
            .bind(format!("{}/{}/HNGĐ-ST", act.number, act.year))
            .bind(self.today)
            .bind(office)
            .bind(book)
            .bind(year)
            .bind(number)
            .bind(his_name)
            .bind(his_birth)
            .bind(&his_pin)
            .bind(her_name)
            .bind(her_birth)
            .bind(&her_pin)
            .fetch_one(&mut *registrar)
            .await?;
        registrar.commit().await?;
        if let (Some(husband), Some(wife)) = (self.citizen(&his_pin).await?, self.citizen(&her_pin).await?) {
            let citizens = [husband, wife];
            self.tell(LifeEvent::Divorce, FollowUp::NoteMaritalStatus { citizens, status: "LH" });
        }
        let row = WrittenRow::new(("civil_status", "hotich.ly_hon", "divorce"), id, &["husband", "wife"])?;
        Ok(AppliedEvent { event: LifeEvent::Divorce, step: "the registrar notes a divorce", rows: vec![row] })
    }
}
