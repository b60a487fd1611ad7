//! The commune police: moves, households, temporary residence, absence, declarations, marital status, the end.

use super::event::{AppliedEvent, LifeEvent, WrittenRow};
use super::subject::{ADULT, Wanted};
use super::{DRAWS, LifeStream};
use crate::population::{Codes, Place, house};
use chrono::NaiveDate;
use sqlx::PgConnection;

const MEMBERS: &str = "select t.id, t.ma_cong_dan, t.so_dinh_danh, t.quan_he_chu_ho, t.ma_xa, t.tu_ngay, t.dia_chi \
     from cu_tru.thuong_tru t \
     where t.so_ho_so = (select so_ho_so from cu_tru.thuong_tru where ma_cong_dan = $1 and trang_thai = 1) \
       and t.trang_thai = 1 order by t.id for update";

/// A member of a household as registered.
#[derive(sqlx::FromRow)]
struct Member(i64, i64, Option<String>, Option<String>, Option<String>, Option<NaiveDate>, Option<String>);

const OPEN_FILE: &str = "insert into cu_tru.ho_so (so_ho_so, chu_ho, ma_tinh, ma_xa, dia_chi, lap_ngay) \
     values ($2 || '.' || nextval('cu_tru.ho_so_moi'), $1, $2, $3, $4, $5) returning so_ho_so";

const END: &str = "update cu_tru.thuong_tru set trang_thai = 0, xoa_ngay = $2, ly_do_xoa = $3, cap_nhat_luc = now() \
     where id = $1";

const REGISTER: &str = "insert into cu_tru.thuong_tru (ma_cong_dan, so_dinh_danh, so_ho_so, quan_he_chu_ho, ma_tinh, ma_xa, \
     dia_chi, tu_ngay, trang_thai) values ($1, $2, $3, $4, $5, $6, $7, $8, 1) returning id";

const TEMPORARY: &str = "insert into cu_tru.tam_tru (ma_cong_dan, so_dinh_danh, ma_tinh, ma_xa, dia_chi, tu_ngay, den_ngay, \
     trang_thai) values ($1, $2, $3, $4, $5, $6, $7, 1) returning id";

const ABSENCE: &str = "insert into cu_tru.tam_vang (ma_cong_dan, so_dinh_danh, tu_ngay, den_ngay, noi_den, trang_thai) \
     values ($1, $2, $3, $4, $5, 1) returning id";

const CONTACT: &str = "insert into cu_tru.khai_bao (ma_cong_dan, so_dinh_danh, dien_thoai) values ($1, $2, $3) \
     on conflict (ma_cong_dan) do update set dien_thoai = excluded.dien_thoai, cap_nhat_luc = now()";

const MARITAL_STATUS: &str =
    "update cu_tru.cong_dan set hon_nhan = $2, cap_nhat_luc = now() where ma_cong_dan = $1";

const END_OF_LIFE: &str = "update cu_tru.thuong_tru set trang_thai = 0, xoa_ngay = $2, ly_do_xoa = 'chết', \
     cap_nhat_luc = now() where ma_cong_dan = $1 and trang_thai = 1 returning id";

/// Where and as what somebody is registered anew.
struct Registration<'a> {
    file: &'a str,
    relation: Option<&'a str>,
    codes: Codes,
    house: &'a str,
    since: NaiveDate,
}

fn permanent(id: i64) -> anyhow::Result<WrittenRow> {
    WrittenRow::new(("residence", "cu_tru.thuong_tru", "permanent"), id, &["resident"])
}

/// Ends a registration and begins another.
async fn transfer(
    police: &mut PgConnection,
    member: &Member,
    reason: &str,
    to: &Registration<'_>,
) -> anyhow::Result<[i64; 2]> {
    sqlx::query(END).bind(member.0).bind(to.since).bind(reason).execute(&mut *police).await?;
    let insert = sqlx::query_scalar(REGISTER).bind(member.1).bind(&member.2).bind(to.file).bind(to.relation);
    let insert = insert.bind(to.codes.province).bind(to.codes.commune).bind(to.house).bind(to.since);
    let id: i64 = insert.fetch_one(police).await?;
    Ok([member.0, id])
}

impl LifeStream {
    /// The office's own number of a person.
    pub(super) async fn citizen(&self, pin: &str) -> anyhow::Result<Option<i64>> {
        let find =
            "select ma_cong_dan from cu_tru.cong_dan where so_dinh_danh = $1 order by ma_cong_dan limit 1";
        Ok(sqlx::query_scalar(find).bind(pin).fetch_optional(&self.databases.residence).await?)
    }

    async fn open_file(
        &self,
        police: &mut PgConnection,
        head: i64,
        (codes, house): (Codes, &str),
    ) -> anyhow::Result<String> {
        let open =
            sqlx::query_scalar(OPEN_FILE).bind(head).bind(codes.province).bind(codes.commune).bind(house);
        Ok(open.bind(self.today).fetch_one(police).await?)
    }

    /// A whole household moves: each registration ends and another begins, in a new file.
    pub(super) async fn household_moves(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let place = if self.chance.hit(0.3) {
            Place::in_city(&mut self.chance)
        } else {
            self.office_of(&subject.pin)
        };
        let (codes, house) = (place.codes(self.today), house(&mut self.chance));
        let mut police = self.databases.residence.begin().await?;
        let members: Vec<Member> =
            sqlx::query_as(MEMBERS).bind(subject.citizen).fetch_all(&mut *police).await?;
        let head = members
            .iter()
            .find(|member| member.3.as_deref() == Some("CH"))
            .map_or(subject.citizen, |head| head.1);
        let file = self.open_file(&mut police, head, (codes, &house)).await?;
        let mut ids = Vec::new();
        for member in &members {
            let relation = member.3.as_deref();
            let (file, house) = (&*file, &*house);
            let to = Registration { file, relation, codes, house, since: self.today };
            ids.extend(transfer(&mut police, member, "chuyển nơi thường trú", &to).await?);
        }
        police.commit().await?;
        let rows = ids.into_iter().map(permanent).collect::<anyhow::Result<_>>()?;
        Ok(AppliedEvent { event: LifeEvent::Move, step: "the commune police register a move", rows })
    }

    /// A grown child leaves the parents' file and opens one at the same address.
    pub(super) async fn split_household(&mut self) -> anyhow::Result<AppliedEvent> {
        let young = Wanted { female: None, marital_status: None, age: (18, 40) };
        for _ in 0..DRAWS {
            let subject = self.somebody(young).await?;
            let mut police = self.databases.residence.begin().await?;
            let members: Vec<Member> =
                sqlx::query_as(MEMBERS).bind(subject.citizen).fetch_all(&mut *police).await?;
            let child = members.iter().find(|m| m.1 == subject.citizen && m.3.as_deref() == Some("CO"));
            let Some(Member(_, _, _, _, Some(commune), Some(written), Some(house))) = child else {
                continue;
            };
            let (Some(child), Some(place)) = (child, Place::written(commune, *written)) else { continue };
            // Whatever it was called when the parents registered it.
            let codes = place.codes(self.today);
            let file = self.open_file(&mut police, subject.citizen, (codes, house)).await?;
            let to = Registration { file: &file, relation: Some("CH"), codes, house, since: self.today };
            let ids = transfer(&mut police, child, "tách hộ", &to).await?;
            police.commit().await?;
            let rows = ids.into_iter().map(permanent).collect::<anyhow::Result<_>>()?;
            let step = "the commune police split a household";
            return Ok(AppliedEvent { event: LifeEvent::SplitHousehold, step, rows });
        }
        anyhow::bail!("no grown child lives with its parents; load more people (cargo xtask demo --people N)")
    }

    pub(super) async fn temporary_residence(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let codes = Place::in_city(&mut self.chance).codes(self.today);
        let id: i64 = sqlx::query_scalar(TEMPORARY)
            .bind(subject.citizen)
            .bind(&subject.pin)
            .bind(codes.province)
            .bind(codes.commune)
            .bind(house(&mut self.chance))
            .bind(self.today)
            .bind(self.chance.day_after(self.today, 90..=730))
            .fetch_one(&self.databases.residence)
            .await?;
        let row = WrittenRow::new(("residence", "cu_tru.tam_tru", "temporary"), id, &["resident"])?;
        let step = "the commune police register a temporary residence";
        Ok(AppliedEvent { event: LifeEvent::TemporaryResidence, step, rows: vec![row] })
    }

    pub(super) async fn absence(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let place = Place::anywhere(&mut self.chance);
        let id: i64 = sqlx::query_scalar(ABSENCE)
            .bind(subject.citizen)
            .bind(&subject.pin)
            .bind(self.today)
            .bind(self.chance.day_after(self.today, 30..=360))
            .bind(place.commune_on(self.today))
            .fetch_one(&self.databases.residence)
            .await?;
        let row = WrittenRow::new(("residence", "cu_tru.tam_vang", "absence"), id, &["absentee"])?;
        let step = "the commune police note an absence";
        Ok(AppliedEvent { event: LifeEvent::Absence, step, rows: vec![row] })
    }

    pub(super) async fn contact(&mut self) -> anyhow::Result<AppliedEvent> {
        let subject = self.somebody(ADULT).await?;
        let phone = format!("09{}", self.chance.digits(8));
        let write = sqlx::query(CONTACT).bind(subject.citizen).bind(&subject.pin).bind(phone);
        write.execute(&self.databases.residence).await?;
        let row = WrittenRow::new(
            ("residence", "cu_tru.khai_bao", "declaration"),
            subject.citizen,
            &["declarant"],
        )?;
        let step = "a citizen declares a telephone number";
        Ok(AppliedEvent { event: LifeEvent::Contact, step, rows: vec![row] })
    }

    pub(super) async fn note_marital_status(
        &self,
        event: LifeEvent,
        citizens: [i64; 2],
        status: &'static str,
    ) -> anyhow::Result<AppliedEvent> {
        let mut police = self.databases.residence.begin().await?;
        for citizen in citizens {
            sqlx::query(MARITAL_STATUS).bind(citizen).bind(status).execute(&mut *police).await?;
        }
        police.commit().await?;
        let person = |id| WrittenRow::new(("residence", "cu_tru.cong_dan", "person"), id, &["resident"]);
        let rows = citizens.into_iter().map(person).collect::<anyhow::Result<_>>()?;
        Ok(AppliedEvent { event, step: "the commune police note the marital status", rows })
    }

    pub(super) async fn end_residence(&self, citizen: i64) -> anyhow::Result<AppliedEvent> {
        let end = sqlx::query_scalar(END_OF_LIFE).bind(citizen).bind(self.today);
        let ended: Vec<i64> = end.fetch_all(&self.databases.residence).await?;
        let rows = ended.into_iter().map(permanent).collect::<anyhow::Result<_>>()?;
        Ok(AppliedEvent { event: LifeEvent::Death, step: "the commune police end the registration", rows })
    }
}
