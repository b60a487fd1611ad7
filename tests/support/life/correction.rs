//! Corrections by law, and the mistakes that make them necessary.

use super::civil_status::next_act;
use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::{ADULT, Subject};
use super::{DRAWS, FollowUp, LifeStream};
use crate::population::{Name, Precision, day_first, iso, name};
use chrono::{Datelike, NaiveDate};
use sqlx::FromRow;

/// The birth act of a person, if it has a full date.
const BIRTH_ACT: &str = "select ma_co_quan, quyen_so, nam_so, so, con_gioi_tinh from hotich.khai_sinh \
     where con_so_dinh_danh = $1 and trang_thai = 'HL' and length(con_ngay_sinh) = 10 order by id limit 1";

#[derive(FromRow)]
struct BirthAct(String, String, i32, i32, Option<String>);

const CHANGE: &str = "insert into hotich.thay_doi (ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_hieu_luc, \
     ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so, so_dinh_danh, ho, chu_dem, ten, ngay_sinh, gioi_tinh, can_cu) \
     values ($1, $2, $3, $4, $5, 'HL', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'Quyết định của Ủy ban nhân dân') \
     returning id";

const ADOPT_NUMBER: &str = "update can_cuoc.so_dinh_danh set ho_ten = $2, ngay_sinh = $3, cap_nhat_luc = now() \
     where so_dinh_danh = $1";

const ADOPT_CITIZEN: &str = "update cu_tru.cong_dan set ho_ten = $2, ngay_sinh = $3, cap_nhat_luc = now() \
     where so_dinh_danh = $1 returning ma_cong_dan";

const WRITE_BIRTH: &str =
    "update cu_tru.cong_dan set ngay_sinh = $2, cap_nhat_luc = now() where ma_cong_dan = $1";

const WRITE_SEX: &str =
    "update cu_tru.cong_dan set gioi_tinh = $2, cap_nhat_luc = now() where ma_cong_dan = $1";

/// A code that no list has.
const NO_SUCH_SEX: &str = "X";

impl LifeStream {
    pub(super) async fn correct(&mut self) -> anyhow::Result<AppliedEvent> {
        let (subject, birth, born) = self.registered().await?;
        // Another day of the same year: a corrected year would take the number along.
        let other = self.chance.day_after(born, -25..=25);
        let corrected = if other.year() == born.year() && other != born { other } else { same_year(born) };
        let row = self.change(&subject, &birth, (2, &Name::split(&subject.name), corrected)).await?;
        self.adopted(LifeEvent::Correct, &subject.pin, &subject.name, corrected);
        Ok(AppliedEvent {
            event: LifeEvent::Correct,
            step: "the registrar corrects a date of birth",
            rows: vec![row],
        })
    }

    pub(super) async fn rename(&mut self) -> anyhow::Result<AppliedEvent> {
        let (subject, birth, born) = self.registered().await?;
        let family = Name::split(&subject.name).family;
        let renamed =
            name(&mut self.chance, subject.ethnicity, subject.female, born.year(), family.as_deref());
        let row = self.change(&subject, &birth, (1, &renamed, born)).await?;
        self.adopted(LifeEvent::Rename, &subject.pin, &renamed.full(), born);
        Ok(AppliedEvent {
            event: LifeEvent::Rename,
            step: "the registrar registers a change of name",
            rows: vec![row],
        })
    }

    /// Somebody whose birth is registered electronically and known to the day.
    async fn registered(&mut self) -> anyhow::Result<(Subject, BirthAct, NaiveDate)> {
        for _ in 0..DRAWS {
            let subject = self.somebody(ADULT).await?;
            let act = sqlx::query_as(BIRTH_ACT)
                .bind(&subject.pin)
                .fetch_optional(&self.databases.civil_status)
                .await?;
            let born = NaiveDate::parse_from_str(&subject.born, "%Y%m%d").ok();
            if let (Some(act), Some(born)) = (act, born) {
                return Ok((subject, act, born));
            }
        }
        anyhow::bail!("nobody with a registered birth fits; load more people (cargo xtask demo --people N)")
    }

    async fn change(
        &mut self,
        subject: &Subject,
        birth: &BirthAct,
        (kind, name, born): (i16, &Name, NaiveDate),
    ) -> anyhow::Result<WrittenRow> {
        let place = self.office_of(&subject.pin);
        let mut registrar = self.databases.civil_status.begin().await?;
        let act = next_act(&mut registrar, ("hotich.thay_doi", "TD"), place, self.today).await?;
        let id: i64 = sqlx::query_scalar(CHANGE)
            .bind(act.office)
            .bind(act.book)
            .bind(act.year)
            .bind(act.number)
            .bind(kind)
            .bind(self.today)
            .bind(&birth.0)
            .bind(&birth.1)
            .bind(birth.2)
            .bind(birth.3)
            .bind(&subject.pin)
            .bind(&name.family)
            .bind(&name.middle)
            .bind(&name.given)
            .bind(day_first(born, Precision::Day))
            .bind(&birth.4)
            .fetch_one(&mut *registrar)
            .await?;
        registrar.commit().await?;
        WrittenRow::new(("civil_status", "hotich.thay_doi", "change"), id, &["subject"])
    }

    fn adopted(&mut self, event: LifeEvent, pin: &str, name: &str, born: NaiveDate) {
        let (pin, name, born) = (pin.to_owned(), name.to_owned(), iso(born, Precision::Day));
        self.tell(event, FollowUp::Adopt { pin, name, born });
    }

    /// The two police databases take over what the registrar has changed.
    pub(super) async fn adopt(
        &self,
        event: LifeEvent,
        pin: &str,
        name: &str,
        born: &str,
    ) -> anyhow::Result<AppliedEvent> {
        let write = sqlx::query(ADOPT_NUMBER).bind(pin).bind(name).bind(born.replace('-', ""));
        write.execute(&self.databases.identity).await?;
        let write = sqlx::query_scalar(ADOPT_CITIZEN).bind(pin).bind(name.to_uppercase()).bind(born);
        let citizens: Vec<i64> = write.fetch_all(&self.databases.residence).await?;
        let mut rows = vec![WrittenRow::new(("identity", "can_cuoc.so_dinh_danh", "pin"), pin, &["holder"])?];
        for citizen in citizens {
            rows.push(WrittenRow::new(("residence", "cu_tru.cong_dan", "person"), citizen, &["resident"])?);
        }
        Ok(AppliedEvent { event, step: "identity office and commune police take over the change", rows })
    }

    pub(super) async fn disagree(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let year: i32 = subject.born.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1980);
        let first = NaiveDate::from_ymd_opt(year - 1, 1, 1).unwrap_or(self.today);
        let born = self.chance.day_after(first, 0..=364);
        let write = sqlx::query(WRITE_BIRTH).bind(subject.citizen).bind(iso(born, Precision::Day));
        write.execute(&self.databases.residence).await?;
        Self::clerk(LifeEvent::Disagree, "a residence clerk writes another date of birth", subject.citizen)
    }

    pub(super) async fn junk(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let write = sqlx::query(WRITE_SEX).bind(subject.citizen).bind(NO_SUCH_SEX);
        write.execute(&self.databases.residence).await?;
        Self::clerk(LifeEvent::Junk, "a residence clerk writes a code that no list has", subject.citizen)
    }

    fn clerk(event: LifeEvent, step: &'static str, citizen: i64) -> anyhow::Result<AppliedEvent> {
        let row = WrittenRow::new(("residence", "cu_tru.cong_dan", "person"), citizen, &["resident"])?;
        Ok(AppliedEvent { event, step, rows: vec![row] })
    }
}

/// Another day of the year.
fn same_year(day: NaiveDate) -> NaiveDate {
    day.succ_opt().filter(|next| next.year() == day.year()).or_else(|| day.pred_opt()).unwrap_or(day)
}
