//! The identity office: cards, and numbers that are taken back.

use super::LifeStream;
use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::ADULT;
use crate::population::{ISSUER_SINCE_2024, Place, Precision, compact, pin};
use chrono::{Datelike, Months, NaiveDate};

const REPLACE_CARD: &str = "update can_cuoc.the set trang_thai = '2', cap_nhat_luc = now() \
     where so_dinh_danh = $1 and trang_thai = '1' returning ma_the";

const ISSUE_CARD: &str = "insert into can_cuoc.the (so_dinh_danh, loai_the, ngay_cap, noi_cap, het_han, trang_thai, ho_ten, \
     ngay_sinh) values ($1, 'CC', $2, $3, $4, '1', $5, $6) returning ma_the";

const CANCEL: &str = "update can_cuoc.so_dinh_danh set trang_thai = 'HUY', ngay_huy = $2, ly_do_huy = 'b', \
     cap_nhat_luc = now() where so_dinh_danh = $1";

/// What the register says of the holder goes on under the new number.
const RE_ESTABLISH: &str = "insert into can_cuoc.so_dinh_danh (so_dinh_danh, trang_thai, ngay_xac_lap, thay_cho, ho_ten, \
     ngay_sinh, gioi_tinh, quoc_tich, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, so_cmnd, ks_ma_co_quan, \
     ks_quyen_so, ks_nam_so, ks_so) \
     select $2, 'XLL', $3, so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, quoc_tich, $4, $5, que_quan_tinh, \
       que_quan_xa, so_cmnd, ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so \
     from can_cuoc.so_dinh_danh where so_dinh_danh = $1 on conflict do nothing";

const REGISTERED_AT: &str =
    "select noi_dk_xa, ngay_xac_lap from can_cuoc.so_dinh_danh where so_dinh_danh = $1";

impl LifeStream {
    pub(super) async fn new_card(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let year: i32 = subject.born.get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
        // Cards end at 25, 40 and 60; from 58 on they do not.
        let age = self.today.year() - year;
        let ends = [25, 40, 60].into_iter().find(|end| age + 2 < *end).and_then(|end| {
            let months = u32::try_from((end - age) * 12).ok()?;
            self.today.checked_add_months(Months::new(months))
        });
        let mut office = self.databases.identity.begin().await?;
        let replaced: Vec<i64> =
            sqlx::query_scalar(REPLACE_CARD).bind(&subject.pin).fetch_all(&mut *office).await?;
        let issued: i64 = sqlx::query_scalar(ISSUE_CARD)
            .bind(&subject.pin)
            .bind(compact(self.today, Precision::Day))
            .bind(ISSUER_SINCE_2024)
            .bind(ends.map(|day| compact(day, Precision::Day)))
            .bind(&subject.name)
            .bind(&subject.born)
            .fetch_one(&mut *office)
            .await?;
        office.commit().await?;
        let card = |id| WrittenRow::new(("identity", "can_cuoc.the", "card"), id, &["holder"]);
        let rows = replaced.into_iter().chain([issued]).map(card).collect::<anyhow::Result<_>>()?;
        Ok(AppliedEvent { event: LifeEvent::NewCard, step: "the identity office issues a card", rows })
    }

    /// A number that was collected with an error is cancelled and another established in its place.
    pub(super) async fn reissue_pin(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let year: i32 = subject.born.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1900);
        let mut office = self.databases.identity.begin().await?;
        let (commune, entered): (Option<String>, NaiveDate) =
            sqlx::query_as(REGISTERED_AT).bind(&subject.pin).fetch_one(&mut *office).await?;
        let registered_at = commune.and_then(|commune| Place::written(&commune, entered));
        let codes = registered_at.map(|place| place.codes(self.today));
        let number = loop {
            let place = self.office_of(&subject.pin);
            let number = pin(place, subject.female, year, &mut self.chance);
            let insert = sqlx::query(RE_ESTABLISH).bind(&subject.pin).bind(&number).bind(self.today);
            let insert =
                insert.bind(codes.map(|codes| codes.province)).bind(codes.map(|codes| codes.commune));
            if insert.execute(&mut *office).await?.rows_affected() == 1 {
                break number;
            }
        };
        sqlx::query(CANCEL).bind(&subject.pin).bind(self.today).execute(&mut *office).await?;
        office.commit().await?;
        let entry =
            |pin: &str| WrittenRow::new(("identity", "can_cuoc.so_dinh_danh", "pin"), pin, &["holder"]);
        let rows = vec![entry(&number)?, entry(&subject.pin)?];
        let step = "the identity office cancels a number and establishes another";
        Ok(AppliedEvent { event: LifeEvent::ReissuePin, step, rows })
    }
}
