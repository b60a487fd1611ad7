//! A child is adopted: what was before is shown to nobody without a purpose, and every view for one is noted.

use super::live::{Live, WITHIN, keys, run};
use acceptance::pipeline::Eyes;
use anyhow::Context as _;
use serde_json::{Value, json};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// A woman who has registered births and whose number the registry knows.
const MOTHER: &str = "select k.id, k.me_so_dinh_danh as pin, k.me_ho_ten as name from hotich.khai_sinh k
     where k.me_so_dinh_danh is not null and k.me_ngay_sinh is not null and k.trang_thai = 'HL' and k.noi_sinh_tinh is not null
       and k.me_dan_toc = '01'
     order by k.id desc limit 1";

/// Her next child, registered without a number, as every newborn is, in Ba Đình (00004 since July 2025).
const BIRTH: &str = "insert into hotich.khai_sinh (ma_co_quan, quyen_so, nam_so, so, loai_dang_ky, trang_thai,
       ngay_dang_ky, con_ho, con_chu_dem, con_ten, con_ngay_sinh, con_gioi_tinh, con_dan_toc, con_quoc_tich,
       noi_sinh_tinh, noi_sinh_xa, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, me_ho_ten, me_ngay_sinh,
       me_dan_toc, me_quoc_tich, me_so_dinh_danh)
     select ma_co_quan, 'KS-99', 2026, 1, 1, 'HL', current_date - 80, 'Lê', 'Thị Khánh', 'Huyền',
       to_char(current_date - 90, 'DD/MM/YYYY'), '1', me_dan_toc, 'VN', noi_sinh_tinh, noi_sinh_xa, '01', '00004',
       noi_sinh_tinh, noi_sinh_xa, me_ho_ten, me_ngay_sinh, me_dan_toc, 'VN', me_so_dinh_danh
     from hotich.khai_sinh where id = $1
     returning id, ma_co_quan as office, noi_sinh_tinh as province, noi_sinh_xa as commune, me_ngay_sinh as mother_born,
       concat_ws(' ', con_ho, con_chu_dem, con_ten) as name, con_ngay_sinh as born";

/// The number for the act.
const ISSUE: &str = "insert into can_cuoc.so_dinh_danh (so_dinh_danh, trang_thai, ngay_xac_lap, ho_ten, ngay_sinh,
       gioi_tinh, quoc_tich, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so)
     values ($1 || '3' || to_char(current_date - 90, 'YY') || '990017', 'XL', current_date - 70, $2,
       to_char(current_date - 90, 'YYYYMMDD'), '2', 'VN', '01', '00004', $1, $3, $4, 'KS-99', 2026, 1)
     returning so_dinh_danh";

/// The number of a child of that day whose birth is on paper only.
const ISSUE_WITHOUT_ACT: &str = "insert into can_cuoc.so_dinh_danh (so_dinh_danh, trang_thai, ngay_xac_lap, ho_ten, ngay_sinh,
       gioi_tinh, quoc_tich, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa)
     values ($1 || '3' || to_char(current_date - 90, 'YY') || '990018', 'XL', current_date - 70, 'Lê Thị Khánh Hương',
       to_char(current_date - 90, 'YYYYMMDD'), '2', 'VN', '01', '00004', $1, $2) returning so_dinh_danh";

/// What the residence database has of either.
const RESIDENT: &str =
    "insert into cu_tru.cong_dan (so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, dan_toc, quoc_tich)
     values ($1, $2, to_char(current_date - 90, 'YYYY-MM-DD'), '2', '01', 'VN') returning ma_cong_dan";

/// What the hospital had written of it, with the mother's number.
const NOTICE: &str =
    "insert into y_te.giay_chung_sinh (so_giay, ma_co_so, ngay_sinh, gioi_tinh, ten_du_kien, me_ho_ten,
       me_ngay_sinh, me_so_dinh_danh, lap_ngay)
     values ('99101.CS.26.1', '99101', $1, 'Nu', $2, $3, $4, $5, current_date - 89)";
const NOTICE_KEY: &str = "medical/birth_notice/99101.CS.26.1/child";

/// A woman who has nothing to do with it.
const ADOPTING: &str = "select so_dinh_danh, ho_ten from can_cuoc.so_dinh_danh
     where trang_thai = 'XL' and so_dinh_danh <> all($1) and substr(so_dinh_danh, 4, 1) = '1' order by so_dinh_danh limit 1";

const ADOPT: &str =
    "insert into hotich.nuoi_con_nuoi (ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_dang_ky,
       con_ho_ten, con_ngay_sinh, con_so_dinh_danh, me_ho_ten, me_so_dinh_danh)
     values ($1, 'NCN-99', 2026, 1, 1, 'HL', current_date - 30, $2, $3, $4, $5, $6) returning id";

#[derive(FromRow)]
struct Mother {
    id: i64,
    pin: String,
    name: String,
}

#[derive(FromRow)]
struct Act {
    id: i64,
    office: String,
    province: String,
    commune: String,
    mother_born: String,
    name: String,
    born: String,
}

struct Child {
    act: Act,
    pin: String,
    mother: Mother,
}

/// A child is born: the act comes first, then the hospital's notice and the number.
async fn child(live: &Live) -> anyhow::Result<Child> {
    let sources = &live.places.sources;
    let mother: Mother = sqlx::query_as(MOTHER).fetch_one(&sources.civil_status).await?;
    let act: Act = sqlx::query_as(BIRTH).bind(mother.id).fetch_one(&sources.civil_status).await?;
    arrived(live, &format!("civil_status/birth/{}/child", act.id)).await?;
    let pin: String = sqlx::query_scalar(ISSUE)
        .bind(&act.province)
        .bind(&act.name)
        .bind(&act.commune)
        .bind(&act.office)
        .fetch_one(&sources.identity)
        .await?;
    arrived(live, &format!("identity/pin/{pin}/holder")).await?;
    sqlx::query(NOTICE)
        .bind(&act.born)
        .bind(&act.name)
        .bind(&mother.name)
        .bind(&act.mother_born)
        .bind(&mother.pin)
        .execute(&sources.medical)
        .await?;
    arrived(live, NOTICE_KEY).await?;
    Eyes::open(&live.deployment).await?.settled(&[], 0, WITHIN).await?;
    Ok(Child { act, pin, mother })
}

/// All that is said of relatives, wherever it stands.
fn relatives(said: &Value) -> String {
    const FIELD: &str = "npd.relatives";
    match said {
        Value::Object(object) if object.get("field").is_some_and(|field| field == FIELD) => said.to_string(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| if key == FIELD { value.to_string() } else { relatives(value) })
            .collect(),
        Value::Array(items) => items.iter().map(relatives).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => String::new(),
    }
}

fn record_keys(shown: &Value) -> String {
    let keys = shown["records"].as_array().unwrap().iter().map(|record| record["record_key"].to_string());
    keys.collect::<Vec<_>>().join(" ")
}

async fn views(live: &Live) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from secret_view").fetch_one(&live.places.registry).await?)
}

/// `words` with a purpose, as a clerk.
async fn with_purpose(live: &Live, words: &str) -> anyhow::Result<Value> {
    let mut all: Vec<String> = words.split_whitespace().map(ToOwned::to_owned).collect();
    all.extend(["--purpose", "proof of descent before a court", "--as", "clerk"].map(ToOwned::to_owned));
    Ok(run(all, &live.config("reconciler", "1")).await?.json())
}

/// Waits until the registry has a record.
async fn arrived(live: &Live, record_key: &str) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(50));
    let arrived = async {
        loop {
            looks.tick().await;
            let found: bool = sqlx::query_scalar(
                "select exists (select from record_latest where record_key = $1 and anchor is not null)",
            )
            .bind(record_key)
            .fetch_one(&live.places.registry)
            .await?;
            if found {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(WITHIN, arrived).await.with_context(|| format!("{record_key} in the registry"))?
}

/// Somebody adopts the child; gives the act and the number of who it was, once nothing moves any more.
async fn adopt(live: &Live, child: &Child) -> anyhow::Result<(i64, String)> {
    let others = vec![child.pin.clone(), child.mother.pin.clone()];
    let (pin, name): (String, String) =
        sqlx::query_as(ADOPTING).bind(others).fetch_one(&live.places.sources.identity).await?;
    let act: i64 = sqlx::query_scalar(ADOPT)
        .bind(&child.act.office)
        .bind(&child.act.name)
        .bind(&child.act.born)
        .bind(&child.pin)
        .bind(&name)
        .bind(&pin)
        .fetch_one(&live.places.sources.civil_status)
        .await?;
    arrived(live, &format!("civil_status/adoption/{act}/child")).await?;
    Eyes::open(&live.deployment).await?.settled(&[], 0, WITHIN).await?;
    Ok((act, pin))
}

pub(super) async fn an_adoption_makes_the_past_a_secret(live: &Live) -> anyhow::Result<()> {
    let child = child(live).await?;
    before_the_adoption(live, &child).await?;
    let known = chrono::Utc::now().to_rfc3339();
    let (act, pin) = adopt(live, &child).await?;
    let key = format!("civil_status/adoption/{act}/child");

    // What stands is shown to all; what tells of it, or was before, is not.
    let show = format!("registry show {} -o json", child.pin);
    let shown = live.reconciler(&show).await?.json();
    let now = relatives(&shown);
    assert!(now.contains(&pin) && !now.contains(&child.mother.pin), "the adopting mother is the mother");
    let birth = format!("civil_status/birth/{}/", child.act.id);
    let past = (chrono::Utc::now().date_naive() - chrono::Days::new(60)).to_string();
    let questions = [
        show.clone(),
        format!("{show} --as-of {past}"),
        format!("{show} --as-known {known}"),
        format!("registry history {} -o json", child.pin),
        format!("registry explain {} -o json", child.pin),
        format!("registry explain {} --as-of {past} -o json", child.pin),
        format!("registry explain {} --as-known {known} -o json", child.pin),
    ];
    let telling = ["civil_status/adoption/", &birth, "medical/birth_notice/", "/KS-99/", "/NCN-99/"];
    for question in &questions {
        let said = live.reconciler(question).await?;
        for secret in telling {
            assert!(!said.out.contains(secret), "{question}: {secret}");
        }
        // A household may name the mother to this day; who she was to the child it does not say.
        let told = relatives(&said.json());
        assert!(!told.contains(&child.mother.pin) && !told.contains(&child.mother.name), "{question}");
    }
    for verb in ["show", "explain", "history"] {
        let adopting = live.reconciler(&format!("registry {verb} {pin} -o json")).await?;
        assert!(
            !adopting.out.contains("civil_status/adoption/"),
            "{verb}: who adopts is a parent like any other"
        );
    }
    let mother = live.reconciler(&format!("registry history {} -o json", child.mother.pin)).await?;
    for secret in telling {
        assert!(!mother.out.contains(secret), "the birth mother's past names the act: {secret}");
    }
    assert!(!relatives(&mother.json()).contains(&child.pin), "the birth mother's past names the child");

    live.reconciler(&format!("match show {NOTICE_KEY} -o json"))
        .await?
        .refused(65, &["nothing of such a record"]);
    for_a_purpose(live, &child, &key, &past).await?;
    whoever_was_adopted_looks_like_whoever_has_no_act(live, &child).await
}

/// The source and entity of a record key; null where no record is named.
fn kind_of(record_key: &Value) -> Value {
    let key = record_key.as_str().map(|key| key.split('/').take(2).collect::<Vec<_>>().join("/"));
    key.map_or(Value::Null, Value::from)
}

fn list(of: &Value) -> Vec<Value> {
    of.as_array().cloned().unwrap_or_default()
}

/// All that `registry show` and `registry explain` say of a person but values, names and times; by field.
async fn shape(live: &Live, pin: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let shown = live.reconciler(&format!("registry show {pin} -o json")).await?.json();
    let mut shape = BTreeMap::new();
    for (name, field) in shown["fields"].as_object().context("fields")? {
        let of = json!([field["state"], kind_of(&field["record_key"]), field["rule"], field["ground"]]);
        shape.insert(format!("show {name}"), of);
    }
    let record = |one: &Value| {
        json!([
            kind_of(&one["record_key"]),
            one["kind"],
            one["standing"],
            one["attach_rule"],
            one["anchor"].is_null()
        ])
    };
    shape.insert("records".to_owned(), list(&shown["records"]).iter().map(record).collect());
    shape.insert("cases".to_owned(), list(&shown["cases"]).iter().map(|case| case["kind"].clone()).collect());
    let told = live.reconciler(&format!("registry explain {pin} -o json")).await?.json();
    for field in list(&told["fields"]) {
        let statement = |one: &Value| json!([kind_of(&one["record_key"]), one["verdict"], one["rank"]]);
        let statements: Value = list(&field["statements"]).iter().map(statement).collect();
        let stands = &field["stands"];
        let of = json!([
            stands["state"],
            kind_of(&stands["record_key"]),
            stands["rule"],
            field["ground"],
            field["open_case"],
            statements,
            list(&field["decisions"]).len()
        ]);
        shape.insert(format!("explain {}", field["field"]), of);
    }
    Ok(shape)
}

/// Of somebody adopted each value stands by the records that are shown, as it does of somebody whose birth was never entered.
async fn whoever_was_adopted_looks_like_whoever_has_no_act(live: &Live, child: &Child) -> anyhow::Result<()> {
    let sources = &live.places.sources;
    let other: String = sqlx::query_scalar(ISSUE_WITHOUT_ACT)
        .bind(&child.act.province)
        .bind(&child.act.commune)
        .fetch_one(&sources.identity)
        .await?;
    for (pin, name) in [(&child.pin, child.act.name.as_str()), (&other, "Lê Thị Khánh Hương")] {
        let id: i64 = sqlx::query_scalar(RESIDENT).bind(pin).bind(name).fetch_one(&sources.residence).await?;
        arrived(live, &format!("residence/person/{id}/resident")).await?;
    }
    Eyes::open(&live.deployment).await?.settled(&[], 0, WITHIN).await?;
    let (mut adopted, ordinary) = (shape(live, &child.pin).await?, shape(live, &other).await?);
    // Who the parents are is no secret, and only civil status says where somebody was born: shown, without whose word it is.
    let mut alone: Vec<String> = adopted.keys().filter(|key| !ordinary.contains_key(*key)).cloned().collect();
    alone.retain(|key| !key.contains("npd.relatives"));
    assert_eq!(alone, ["explain \"npd.place_of_birth\"", "show npd.place_of_birth"]);
    adopted.retain(|key, _| ordinary.contains_key(key));
    assert!(ordinary.len() > 10, "{ordinary:?}");
    assert_eq!(adopted, ordinary);
    Ok(())
}

/// While nobody has adopted the child, all of it is shown to all: the act's key among the links, and whose the notice is.
async fn before_the_adoption(live: &Live, child: &Child) -> anyhow::Result<()> {
    let history = live.reconciler(&format!("registry history {} -o json", child.pin)).await?.json();
    assert!(history["links"].to_string().contains("/KS-99/"), "the act came before the number: {history}");
    let scored = &history["scored"][0];
    assert_eq!(keys(scored), ["source_key", "anchor", "since", "until", "weights", "weight", "margin"]);
    assert_eq!(scored["source_key"], format!("record:{NOTICE_KEY}"), "{history}");
    assert_eq!(scored["anchor"], format!("pin:{}", child.pin));

    let shown = live.reconciler(&format!("match show {NOTICE_KEY} -o json")).await?.json();
    let about = ["version", "record_key", "source_key", "placed_by_score", "links", "truncated", "reviews"];
    assert_eq!(keys(&shown), about);
    assert_eq!((&shown["placed_by_score"], &shown["truncated"]), (&true.into(), &false.into()));
    let link = &shown["links"][0];
    assert_eq!((&link["anchor"], &link["until"]), (&scored["anchor"], &Value::Null));
    let evidence = &link["evidence"];
    assert_eq!(evidence["weight"], scored["weight"]);
    let steps = evidence["steps"].as_array().context("steps")?;
    let sum = steps.last().and_then(|step| step["sum"].as_f64()).context("a sum")?;
    assert!((sum - evidence["weight"].as_f64().unwrap()).abs() < 0.01, "the waterfall ends at the weight");
    let text = live.reconciler(&format!("match show {NOTICE_KEY}")).await?.out;
    for part in ["linked to pin:", "until now", "COLUMN", "mother", "CANDIDATE", "bits"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for value in [&child.act.name, &child.act.born, &child.mother.name, &child.mother.pin] {
        assert!(!text.contains(value.as_str()), "a value is shown: {text}");
    }
    let numbered = live.reconciler(&format!("match show identity/pin/{}/holder", child.pin)).await?;
    assert!(numbered.out.contains("no score is asked"), "{numbered:?}");
    live.reconciler("match show medical/birth_notice/none/child").await?.refused(65, &["RECORD_KEY"]);
    Ok(())
}

/// For a purpose all of it is shown, and each view is noted.
async fn for_a_purpose(live: &Live, child: &Child, key: &str, past: &str) -> anyhow::Result<()> {
    let show = format!("registry show {} -o json", child.pin);
    let birth = format!("civil_status/birth/{}/", child.act.id);
    assert_eq!(views(live).await?, 0);
    let whole = with_purpose(live, &show).await?;
    assert!(record_keys(&whole).contains(key) && record_keys(&whole).contains(&birth));
    let before = with_purpose(live, &format!("{show} --as-of {past}")).await?;
    assert!(before["fields"]["npd.relatives"].to_string().contains(&child.mother.pin));
    let before =
        with_purpose(live, &format!("registry explain {} npd.relatives --as-of {past} -o json", child.pin))
            .await?;
    assert!(before.to_string().contains(&child.mother.pin), "{before}");
    let history = with_purpose(live, &format!("registry history {} -o json", child.pin)).await?.to_string();
    assert!(history.contains(key) && history.contains(&child.mother.pin));
    assert!(
        with_purpose(live, &format!("registry history {} -o json", child.mother.pin))
            .await?
            .to_string()
            .contains(&child.pin)
    );
    let links =
        with_purpose(live, &format!("registry history {} -o json", child.pin)).await?["links"].to_string();
    assert!(links.contains("/KS-99/"), "{links}");
    let matched = with_purpose(live, &format!("match show {NOTICE_KEY} -o json")).await?;
    assert_eq!(matched["links"][0]["anchor"], format!("pin:{}", child.pin));
    assert_eq!(views(live).await?, 7);
    let noted: (String, String, String) =
        sqlx::query_as("select viewer, purpose, command from secret_view order by viewed_at desc limit 1")
            .fetch_one(&live.places.registry)
            .await?;
    assert_eq!(noted, ("clerk".into(), "proof of descent before a court".into(), "match show".into()));
    live.reconciler(&format!("{show} --purpose curiosity--")).await?.refused(2, &["--as"]);
    live.reconciler(&format!("{show} --purpose short --as clerk")).await?.refused(2, &["10 to 500"]);
    assert_eq!(views(live).await?, 7, "what is refused is no view");
    Ok(())
}
