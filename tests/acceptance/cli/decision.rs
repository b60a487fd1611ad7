//! From a disagreement of two sources to the sector: a steward decides, by command and on the page.

use super::live::{Live, WITHIN, keys, run};
use crate::console::Browser;
use acceptance::follow::{Hop, STEWARD, Tie};
use acceptance::life::{AppliedEvent, LifeEvent, WrittenRow};
use registry_rules::{CaseKind, PersonId, RowKey};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use uuid::Uuid;

pub(super) const FIELD: &str = "npd.date_of_birth";
pub(super) const PASSWORD: &str = "mật khẩu thử nghiệm";
const REASON: &str = "certified copy of the file seen";
/// Everybody with a number in force and alive is in it, with the date of birth.
const SECTOR: &str = "vss_insurance";

/// Two sources come to disagree about somebody: the person and the case.
pub(super) async fn disagreement(live: &mut Live) -> anyhow::Result<(PersonId, String, String)> {
    let (applied, hops) = live.happen(LifeEvent::Disagree).await?;
    let own = hops.iter().find_map(|hop| {
        let Hop::Merged { person_id, tie: Tie::Own, fields, .. } = hop else { return None };
        fields.iter().any(|field| field.as_str() == FIELD).then_some(*person_id)
    });
    let person = own.unwrap_or_else(|| panic!("the field is disputed now: {hops:#?}"));
    let case = registry_store::case_id(&format!("person:{person}"), CaseKind::FieldConflict.as_str(), FIELD);
    Ok((person, case, applied.rows[0].records[0].to_string()))
}

/// What stands of the field.
async fn standing(live: &Live, person: PersonId) -> anyhow::Result<Value> {
    Ok(live.reconciler(&format!("registry show {person} -o json")).await?.json())
}

/// The date of birth that the sector has under a reference of one of its releases.
async fn at_sector(live: &Live, person: PersonId) -> anyhow::Result<String> {
    let reference: String =
        sqlx::query_scalar("select ref from delivery where person_id = $1 and agreement = $2 limit 1")
            .bind(person)
            .bind(SECTOR)
            .fetch_one(&live.places.disclosure)
            .await?;
    let pool = &live.places.sectors[SECTOR].pool;
    let sql = "select ngay_sinh::text from bhxh.nguoi_tham_gia where ref = $1";
    Ok(sqlx::query_scalar(sql).bind(reference).fetch_one(pool).await?)
}

/// Follows a recorded decision and looks at registry, case and sector.
async fn arrives(
    live: &Live,
    decision: Uuid,
    marks: &acceptance::follow::Marks,
    (person, case, record): (PersonId, &str, &str),
) -> anyhow::Result<()> {
    let row_key = RowKey::new(STEWARD, "decision", &decision.to_string())?;
    let records = vec![row_key.record("subject")];
    let row = WrittenRow {
        source: STEWARD,
        table: "console.decision",
        row_key,
        records,
        written_at: chrono::Utc::now(),
    };
    let applied = AppliedEvent { event: LifeEvent::Disagree, step: "a steward decides", rows: vec![row] };
    let hops = live.follower.follow(marks, &applied, WITHIN, &mut |_| ()).await?;
    let delivered = hops.iter().any(|hop| {
        matches!(hop, Hop::Delivered { agreement, mode, person_id, row: Some(true), .. }
            if agreement == SECTOR && mode == "database" && *person_id == person)
    });
    assert!(delivered, "{hops:#?}");
    let shown = standing(live, person).await?;
    let field = &shown["fields"][FIELD];
    assert_eq!((&field["state"], &field["record_key"]), (&"decided".into(), &record.into()), "{field}");
    assert!(
        shown["cases"].as_array().unwrap().iter().all(|open| open["case_id"] != case),
        "the case is closed"
    );
    assert_eq!(field["value"].as_str(), Some(at_sector(live, person).await?.as_str()));
    Ok(())
}

pub(super) async fn a_decision_by_command_reaches_the_sector(live: &mut Live) -> anyhow::Result<()> {
    let password = live.file("password", PASSWORD)?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    for (name, role) in [("an", "steward"), ("xem", "reader")] {
        let words =
            format!("console user add {name} --role {role} --password-file {} -o json", password.display());
        let added = live.dansync(&words, &live.owner.clone()).await?.json();
        assert_eq!(added, serde_json::json!({ "version": 1, "name": name, "role": role }));
    }
    let words = format!("console user add an --role king --password-file {}", password.display());
    live.dansync(&words, &live.owner).await?.refused(2, &["--role", "steward", "reader"]);
    live.dansync("console user add an --role steward --password-file /nowhere", &live.owner)
        .await?
        .refused(78, &["--password-file", "/nowhere"]);

    let console = live.config("steward-console", "1");
    let (person, case, record) = disagreement(live).await?;
    let list = live.dansync("case list --as an --limit 500 -o json", &console).await?.json();
    assert_eq!(keys(&list), ["version", "cases", "next"]);
    let line = list["cases"].as_array().unwrap().iter().find(|line| line["case_id"] == case);
    let line = line.unwrap_or_else(|| panic!("{case} is not listed: {list}"));
    assert_eq!((&line["field"], &line["decided"]), (&FIELD.into(), &false.into()));
    assert!(live.dansync("case list --as an", &console).await?.out.starts_with("CASE"));
    live.dansync("case list --as nobody", &console).await?.refused(77, &["user"]);
    live.dansync("case list", &console).await?.refused(2, &["--as"]);

    let sheet = live.dansync(&format!("case show {case} --as an -o json"), &console).await?.json();
    let seen = sheet["seen"].as_str().unwrap();
    let statements = sheet["statements"].as_array().unwrap();
    assert!(statements.iter().any(|s| s["record_key"] == record.as_str() && s["stands"] == false), "{sheet}");
    let text = live.dansync(&format!("case show {case} --as an"), &console).await?.out;
    assert!(text.contains(&record) && text.contains("to decide: dansync case decide"), "{text}");
    live.dansync("case show 0123456789abcdef --as an", &console)
        .await?
        .refused(1, &["not open", "dansync case list"]);

    let decide = |takes: &str, seen: &str, reason: &str, user: &str| {
        let words = [
            "case", "decide", &case, "--takes", takes, "--seen", seen, "--reason", reason, "--as", user,
            "-o", "json",
        ];
        run(words.map(ToOwned::to_owned).to_vec(), &console)
    };
    decide(&record, seen, REASON, "xem").await?.refused(77, &["may not decide", "steward"]);
    decide(&record, seen, "short", "an").await?.refused(1, &["reason", "10 to 2000"]);
    decide(&record, "x", REASON, "an").await?.refused(75, &["changed", "show it again"]);
    decide("residence/person/999999/resident", seen, REASON, "an")
        .await?
        .refused(1, &["cannot be taken", "case show"]);
    decide("residence/person", seen, REASON, "an").await?.refused(2, &["--takes", "parts"]);

    a_held_decision_is_undone(live, &case, &record, seen).await?;
    let before = at_sector(live, person).await?;
    let marks = live.follower.mark().await?;
    let decided = decide(&record, seen, REASON, "an").await?.json();
    assert_eq!(keys(&decided), ["version", "case_id", "decision_id", "held_until"]);
    assert!(decided["held_until"].is_string(), "{decided}");
    let decision = decided["decision_id"].as_str().unwrap().parse()?;
    arrives(live, decision, &marks, (person, &case, &record)).await?;
    assert_ne!(at_sector(live, person).await?, before);
    super::past::who_decided_is_told(live, person, FIELD, &record).await?;
    live.dansync(&format!("case undo {decision} --as an"), &console)
        .await?
        .refused(1, &["recorded", "dansync case reverse"]);
    decide(&record, seen, REASON, "an").await?.refused(1, &["not open"]);
    let closed = live.dansync(&format!("case show {case} --as an -o json"), &console).await?.json();
    assert_eq!(keys(&closed), ["version", "case_id", "kind", "field", "state", "since", "decisions"]);
    assert_eq!(
        (&closed["kind"], &closed["field"], &closed["state"]),
        (&"field_conflict".into(), &FIELD.into(), &"closed".into())
    );
    assert_eq!((&closed["version"], &closed["case_id"]), (&1.into(), &case.as_str().into()));
    Ok(())
}

/// At a desk that holds decisions for ten minutes: nothing of what is undone is ever recorded.
async fn a_held_decision_is_undone(live: &Live, case: &str, record: &str, seen: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(live.config("steward-console", "1"))?;
    assert!(text.contains("undo_window = \"1s\""), "{text}");
    let console =
        live.file("holding.toml", &text.replace("undo_window = \"1s\"", "undo_window = \"10m\""))?;
    let words = ["case", "decide", case, "--takes", record, "--seen", seen, "--reason", REASON, "--as", "an"];
    let words =
        |form: &[&str]| [&words[..], form].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let held = run(words(&["-o", "json"]), &console).await?.json();
    let id = held["decision_id"].as_str().expect("a decision").to_owned();
    run(words(&[]), &console).await?.refused(75, &["undo window", "dansync case undo"]);
    let sheet = live.dansync(&format!("case show {case} --as an -o json"), &console).await?.json();
    assert_eq!(
        keys(&sheet["held"]),
        ["decision_id", "takes", "reason", "held_by", "held_at", "held_until"],
        "{sheet}"
    );
    assert_eq!(sheet["held"]["held_until"], held["held_until"]);
    let text = live.dansync(&format!("case show {case} --as an"), &console).await?.out;
    assert!(text.contains(&format!("dansync case undo {id}")) && !text.contains("to decide:"), "{text}");
    let list = live.dansync("case list --as an --limit 500 -o json", &console).await?.json();
    let line = list["cases"].as_array().and_then(|lines| lines.iter().find(|line| line["case_id"] == case));
    assert_eq!(line.expect("the case")["held_until"], held["held_until"]);
    let undo = format!("case undo {id} --as an -o json");
    let undone = live.dansync(&undo, &console).await?.json();
    assert_eq!(undone, serde_json::json!({ "version": 1, "undone": id }));
    live.dansync(&undo, &console).await?.refused(1, &["not recorded"]);
    let shown = live.dansync(&format!("case show {case} --as an -o json"), &console).await?.json();
    let window = &shown["decisions"][0]["undo_window"];
    assert_eq!(keys(window), ["held_at", "held_until", "outcome", "ended_by", "ended_at"]);
    assert_eq!((&window["outcome"], &window["ended_by"]), (&"undone".into(), &"an".into()));
    live.dansync(&format!("case undo {} --as an", Uuid::new_v4()), &console).await?.refused(1, &["no such"]);
    Ok(())
}

pub(super) async fn a_decision_on_the_page_reaches_the_sector(live: &mut Live) -> anyhow::Result<()> {
    let (person, case, record) = disagreement(live).await?;
    let mut browser = Browser::new(live.deployment.console_url());
    assert_eq!(browser.sign_in("an", PASSWORD).await.status, 303);
    let path = format!("/cases/{case}");
    let page = browser.get(&path).await.expect("the console answers");
    assert!(page.body.contains(&record), "{}", page.body);
    let (token, seen, follows) = (page.hidden("form_token"), page.hidden("seen"), page.hidden("follows"));
    let before = at_sector(live, person).await?;
    let marks = live.follower.mark().await?;
    let form = [
        ("form_token", token.as_str()),
        ("seen", &seen),
        ("follows", &follows),
        ("takes", &record),
        ("reason", REASON),
    ];
    assert_eq!(browser.post(&format!("{path}/decide"), &form).await.status, 303);
    let decision: Uuid =
        sqlx::query_scalar("select decision_id from console.held_decision where case_id = $1")
            .bind(&case)
            .fetch_one(&live.deployment.registries.console.administrator().await?)
            .await?;
    arrives(live, decision, &marks, (person, &case, &record)).await?;
    assert_ne!(at_sector(live, person).await?, before);
    let list = browser.get("/cases").await.expect("the console answers");
    assert!(!list.body.contains(&path), "a closed case is in no list");
    Ok(())
}
