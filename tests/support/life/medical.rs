//! The hospital: blood groups.

use super::LifeStream;
use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::ADULT;
use crate::population::{BLOOD, unaccented};

const BLOOD_TEST: &str = "insert into y_te.nhom_mau (ma_co_so, so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, nhom_mau, \
     ngay_xet_nghiem) values ($1, $2, $3, $4, $5, $6, $7) returning ma_xet_nghiem";

impl LifeStream {
    pub(super) async fn blood_test(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let place = self.office_of(&subject.pin);
        let id: i64 = sqlx::query_scalar(BLOOD_TEST)
            .bind(format!("{}101", place.province()))
            .bind(&subject.pin)
            .bind(unaccented(&subject.name).to_uppercase())
            .bind(&subject.born)
            .bind(if subject.female { "Nu" } else { "Nam" })
            .bind(self.chance.weighted(&BLOOD))
            .bind(self.today)
            .fetch_one(&self.databases.medical)
            .await?;
        let row = WrittenRow::new(("medical", "y_te.nhom_mau", "blood_test"), id, &["patient"])?;
        Ok(AppliedEvent {
            event: LifeEvent::BloodTest,
            step: "a hospital records a blood group",
            rows: vec![row],
        })
    }
}
