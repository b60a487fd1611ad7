//! A child is adopted: what was before is shown to nobody without a purpose, and every view for one is noted.

use super::live::{Live, WITHIN, run};
use acceptance::pipeline::Eyes;
use anyhow::Context as _;
use serde_json::Value;
use sqlx::FromRow;

/// A child of the books with both numbers, not adopted yet.
const CHILD: &str = "select k.id, k.con_so_dinh_danh as pin, k.me_so_dinh_danh as mother_pin, k.me_ho_ten as mother,
       concat_ws(' ', k.con_ho, k.con_chu_dem, k.con_ten) as name, k.con_ngay_sinh as born,
       k.ma_co_quan as office
     from hotich.khai_sinh k
     where k.con_so_dinh_danh is not null and k.me_so_dinh_danh is not null and k.trang_thai = 'HL' and k.nam_so >= 2010
       and not exists (select from hotich.nuoi_con_nuoi n where n.con_so_dinh_danh = k.con_so_dinh_danh)
       and not exists (select from hotich.khai_sinh o where o.id <> k.id and o.con_so_dinh_danh = k.con_so_dinh_danh)
     order by k.id";

/// A woman who has nothing to do with it.
const ADOPTING: &str = "select so_dinh_danh, ho_ten from can_cuoc.so_dinh_danh
     where trang_thai = 'XL' and so_dinh_danh <> all($1) and substr(so_dinh_danh, 4, 1) = '1' order by so_dinh_danh limit 1";

const ADOPT: &str =
    "insert into hotich.nuoi_con_nuoi (ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_dang_ky,
       con_ho_ten, con_ngay_sinh, con_so_dinh_danh, me_ho_ten, me_so_dinh_danh)
     values ($1, 'NCN-99', 2026, 1, 1, 'HL', current_date - 30, $2, $3, $4, $5, $6) returning id";

#[derive(FromRow)]
struct Child {
    id: i64,
    pin: String,
    mother_pin: String,
    mother: String,
    name: String,
    born: String,
    office: String,
}

/// One whom the registry knows by this number, and whose mother it names by hers.
async fn child(live: &Live) -> anyhow::Result<Child> {
    let children: Vec<Child> = sqlx::query_as(CHILD).fetch_all(&live.places.sources.civil_status).await?;
    for one in children {
        let shown = live.reconciler(&format!("registry show {} -o json", one.pin)).await?;
        if shown.code == 0 && shown.json()["fields"]["npd.relatives"].to_string().contains(&one.mother_pin) {
            return Ok(one);
        }
    }
    anyhow::bail!("the population has no such child")
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

/// Somebody adopts the child; gives the act and the number of who it was, once nothing moves any more.
async fn adopt(live: &Live, child: &Child) -> anyhow::Result<(i64, String)> {
    let others = vec![child.pin.clone(), child.mother_pin.clone()];
    let (pin, name): (String, String) =
        sqlx::query_as(ADOPTING).bind(others).fetch_one(&live.places.sources.identity).await?;
    let act: i64 = sqlx::query_scalar(ADOPT)
        .bind(&child.office)
        .bind(&child.name)
        .bind(&child.born)
        .bind(&child.pin)
        .bind(&name)
        .bind(&pin)
        .fetch_one(&live.places.sources.civil_status)
        .await?;
    let key = format!("civil_status/adoption/{act}/child");
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(50));
    let arrived = async {
        loop {
            looks.tick().await;
            let found: bool =
                sqlx::query_scalar("select exists (select from record_latest where record_key = $1)")
                    .bind(&key)
                    .fetch_one(&live.places.registry)
                    .await?;
            if found {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(WITHIN, arrived).await.context("the adoption in the registry")??;
    Eyes::open(&live.deployment).await?.settled(&[], 0, WITHIN).await?;
    Ok((act, pin))
}

pub(super) async fn an_adoption_makes_the_past_a_secret(live: &Live) -> anyhow::Result<()> {
    let child = child(live).await?;
    let known = chrono::Utc::now().to_rfc3339();
    let (act, pin) = adopt(live, &child).await?;
    let key = format!("civil_status/adoption/{act}/child");

    // What stands is shown to all; what tells of it, or was before, is not.
    let show = format!("registry show {} -o json", child.pin);
    let shown = live.reconciler(&show).await?.json();
    let now = relatives(&shown);
    assert!(now.contains(&pin) && !now.contains(&child.mother_pin), "the adopting mother is the mother");
    let birth = format!("civil_status/birth/{}/", child.id);
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
    for question in &questions {
        let said = live.reconciler(question).await?;
        for secret in ["civil_status/adoption/", &birth] {
            assert!(!said.out.contains(secret), "{question}: {secret}");
        }
        // A household may name the mother to this day; who she was to the child it does not say.
        let told = relatives(&said.json());
        assert!(!told.contains(&child.mother_pin) && !told.contains(&child.mother), "{question}");
    }
    for verb in ["show", "explain", "history"] {
        let adopting = live.reconciler(&format!("registry {verb} {pin} -o json")).await?;
        assert!(
            !adopting.out.contains("civil_status/adoption/"),
            "{verb}: who adopts is a parent like any other"
        );
    }
    let mother = live.reconciler(&format!("registry history {} -o json", child.mother_pin)).await?;
    assert!(!mother.out.contains(&birth), "the birth mother's past names the act");
    assert!(!relatives(&mother.json()).contains(&child.pin), "the birth mother's past names the child");

    for_a_purpose(live, &child, &key, &past).await
}

/// For a purpose all of it is shown, and each view is noted.
async fn for_a_purpose(live: &Live, child: &Child, key: &str, past: &str) -> anyhow::Result<()> {
    let show = format!("registry show {} -o json", child.pin);
    let birth = format!("civil_status/birth/{}/", child.id);
    assert_eq!(views(live).await?, 0);
    let whole = with_purpose(live, &show).await?;
    assert!(record_keys(&whole).contains(key) && record_keys(&whole).contains(&birth));
    let before = with_purpose(live, &format!("{show} --as-of {past}")).await?;
    assert!(before["fields"]["npd.relatives"].to_string().contains(&child.mother_pin));
    let before =
        with_purpose(live, &format!("registry explain {} npd.relatives --as-of {past} -o json", child.pin))
            .await?;
    assert!(before.to_string().contains(&child.mother_pin), "{before}");
    let history = with_purpose(live, &format!("registry history {} -o json", child.pin)).await?.to_string();
    assert!(history.contains(key) && history.contains(&child.mother_pin));
    assert!(
        with_purpose(live, &format!("registry history {} -o json", child.mother_pin))
            .await?
            .to_string()
            .contains(&child.pin)
    );
    assert_eq!(views(live).await?, 5);
    let noted: (String, String, String) =
        sqlx::query_as("select viewer, purpose, command from secret_view order by viewed_at desc limit 1")
            .fetch_one(&live.places.registry)
            .await?;
    assert_eq!(noted, ("clerk".into(), "proof of descent before a court".into(), "registry history".into()));
    live.reconciler(&format!("{show} --purpose curiosity--")).await?.refused(2, &["--as"]);
    live.reconciler(&format!("{show} --purpose short --as clerk")).await?.refused(2, &["10 to 500"]);
    assert_eq!(views(live).await?, 5, "what is refused is no view");
    Ok(())
}
