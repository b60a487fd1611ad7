//! Whom an event happens to: drawn from the residence and identity databases as they stand.

use super::{DRAWS, LifeStream};
use crate::population::{Place, ethnicity_of_newer};
use anyhow::Context as _;
use chrono::Datelike;
use sqlx::PgPool;
use std::ops::RangeInclusive;

/// A living person as an office finds him.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The residence office's own number.
    pub(super) citizen: i64,
    /// Personal identification number in force.
    pub(super) pin: String,
    /// Full name in the identity office's spelling.
    pub(super) name: String,
    /// Date of birth as the identity office has it: digits.
    pub(super) born: String,
    /// Sex.
    pub(super) female: bool,
    /// Code of the 1979 list.
    pub(super) ethnicity: &'static str,
}

impl Subject {
    /// Date of birth as the book has it: day first, as far as it is known.
    pub(super) fn born_day_first(&self) -> String {
        let part = |from, to| self.born.get(from..to).filter(|part| !part.is_empty());
        let parts = [part(6, 8), part(4, 6), part(0, 4)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

/// Who fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Only women, only men, or anybody.
    pub(super) female: Option<bool>,
    /// Marital status in the residence office's letters.
    pub(super) marital_status: Option<&'static str>,
    /// Age by the calendar year.
    pub(super) age: (i32, i32),
}

/// Anybody of age.
pub(super) const ADULT: Wanted = Wanted { female: None, marital_status: None, age: (18, 110) };

/// The highest number that the residence office has given.
pub(super) async fn highest_citizen(residence: &PgPool) -> anyhow::Result<i64> {
    let highest: Option<i64> = sqlx::query_scalar("select max(ma_cong_dan) from cu_tru.cong_dan")
        .fetch_one(residence)
        .await
        .context("asking the residence database for its people")?;
    highest.context("the residence database has no people yet; fill it first (cargo xtask demo)")
}

/// The first person from a number on who fits and is registered somewhere.
const NEXT_CITIZEN: &str = "select c.ma_cong_dan, c.so_dinh_danh, c.dan_toc from cu_tru.cong_dan c \
     where c.ma_cong_dan >= $1 and c.so_dinh_danh is not null \
       and ($2::text is null or c.gioi_tinh = $2) and ($3::text is null or c.hon_nhan = $3) \
       and left(c.ngay_sinh, 4) between $4 and $5 \
       and exists (select 1 from cu_tru.thuong_tru t where t.ma_cong_dan = c.ma_cong_dan and t.trang_thai = 1) \
     order by c.ma_cong_dan limit 1";

const HOLDER: &str = "select ho_ten, ngay_sinh, gioi_tinh from can_cuoc.so_dinh_danh \
     where so_dinh_danh = $1 and trang_thai <> 'HUY' and ho_ten is not null and ngay_sinh is not null";

const IS_DEAD: &str =
    "select exists (select 1 from hotich.khai_tu where so_dinh_danh = $1 and trang_thai = 'HL' and loai < 3)";

impl LifeStream {
    /// Draws somebody who fits, has a number in force and lives.
    pub(super) async fn somebody(&mut self, wanted: Wanted) -> anyhow::Result<Subject> {
        for _ in 0..DRAWS {
            if let Some(subject) = self.draw(wanted).await? {
                return Ok(subject);
            }
        }
        anyhow::bail!(
            "nobody in the residence database fits this event; load more people (cargo xtask demo --people N)"
        )
    }

    async fn draw(&mut self, wanted: Wanted) -> anyhow::Result<Option<Subject>> {
        let from = self.chance.between(RangeInclusive::new(1, self.citizens));
        let year = |age: i32| format!("{:04}", self.today.year() - age);
        let citizen: Option<(i64, String, Option<String>)> = sqlx::query_as(NEXT_CITIZEN)
            .bind(from)
            .bind(wanted.female.map(|female| if female { "2" } else { "1" }))
            .bind(wanted.marital_status)
            .bind(year(wanted.age.1))
            .bind(year(wanted.age.0))
            .fetch_optional(&self.databases.residence)
            .await?;
        let Some((citizen, pin, ethnicity)) = citizen else { return Ok(None) };
        let holder: Option<(String, String, Option<String>)> =
            sqlx::query_as(HOLDER).bind(&pin).fetch_optional(&self.databases.identity).await?;
        let Some((name, born, sex)) = holder else { return Ok(None) };
        let dead: bool =
            sqlx::query_scalar(IS_DEAD).bind(&pin).fetch_one(&self.databases.civil_status).await?;
        let female = sex.as_deref() == Some("2");
        if dead || wanted.female.is_some_and(|wanted| wanted != female) {
            return Ok(None);
        }
        let ethnicity = ethnicity.as_deref().and_then(ethnicity_of_newer).unwrap_or("01");
        Ok(Some(Subject { citizen, pin, name, born, female, ethnicity }))
    }

    /// The office where a person's acts are registered: a commune of the province that the number begins with.
    pub(super) fn office_of(&mut self, pin: &str) -> Place {
        Place::of_number(pin, &mut self.chance)
    }
}
