//! Reports of errors: handed in by command, through Kafka to a case, decided, and answered.

use super::decision::{FIELD, PASSWORD};
use super::live::{Live, WITHIN, keys, run};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use uuid::Uuid;

const REASON: &str = "the birth certificate was seen and says so";
/// What somebody might have written for a date, and must be nowhere but before stewards.
const CANARY: &str = "1931-02-27";
/// Everybody with a number is in it, with the date of birth.
const REPORTER: &str = "vss_insurance";
/// A number that was given to nobody.
const NOBODY: &str = "999199999999";
/// Between two looks at a registry that cannot call back.
const LOOK: Duration = Duration::from_millis(50);

/// A number in force whose person has a date of birth that is not asked about.
async fn somebody(live: &Live) -> anyhow::Result<(String, String)> {
    let sql = "select a.anchor, a.leads_to::text from anchor a join person p on p.person_id = a.leads_to
         where a.anchor like 'pin:%' and p.countable and p.lifecycle = 0
           and not exists (select from registry_case c where c.open and c.subject = 'person:' || a.leads_to)
         order by a.anchor limit 1";
    let (anchor, person): (String, String) = sqlx::query_as(sql).fetch_one(&live.places.registry).await?;
    Ok((anchor.trim_start_matches("pin:").to_owned(), person))
}

/// The newest answer about a report of somebody, once it is this.
async fn answered(live: &Live, (reporter, report): (&str, Uuid), outcome: &str) -> anyhow::Result<Value> {
    let config = live.config("reconciler", "1");
    let looking = async {
        let mut rhythm = tokio::time::interval(LOOK);
        loop {
            rhythm.tick().await;
            let words = format!("feedback answers --reporter {reporter} -o json");
            let list = live.dansync(&words, &config).await?.json();
            assert_eq!(keys(&list), ["version", "answers"]);
            let of_report = |row: &&Value| row["report_id"] == report.to_string().as_str();
            let found = list["answers"].as_array().and_then(|rows| rows.iter().find(of_report).cloned());
            if let Some(row) = found.filter(|row| row["outcome"] == outcome) {
                return anyhow::Ok(row);
            }
        }
    };
    tokio::time::timeout(WITHIN, looking).await?
}

pub(super) async fn a_report_becomes_a_case_and_is_answered(live: &mut Live) -> anyhow::Result<()> {
    let password = live.file("password", PASSWORD)?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    let words = format!("console user add an --role steward --password-file {}", password.display());
    assert_eq!(live.dansync(&words, &live.owner.clone()).await?.code, 0);
    let (pin, person) = somebody(live).await?;
    let [about_somebody, about_nobody] = [Uuid::new_v4(), Uuid::new_v4()];
    let line = |id: Uuid, pin: &str, fault: &str| line((REPORTER, id), pin, FIELD, fault);
    let reconciler = live.config("reconciler", "1");
    let send = async |text: &str| {
        let file = live.file("reports.jsonl", text)?;
        live.dansync(&format!("feedback send {} -o json", file.display()), &reconciler).await
    };
    let good = line(about_somebody, &pin, "wrong_value");
    send(&format!("{good}\n{}", line(about_nobody, &pin, "no_fault")))
        .await?
        .refused(65, &["line 2", "--help"]);
    let sent = send(&format!("{good}\n{}\n{good}", line(about_nobody, NOBODY, "outdated"))).await?.json();
    assert_eq!(
        (keys(&sent), sent["reports"].as_array().map(Vec::len)),
        (vec!["version", "reports"], Some(3))
    );

    refused(live, (REPORTER, about_nobody), ["pin", "not_held", "check_number"]).await?;
    let held = answered(live, (REPORTER, about_somebody), "held").await?;
    let case = held["detail"].as_str().expect("the case");
    assert_eq!(
        case,
        registry_store::case_id(
            &format!("person:{person}"),
            registry_rules::CaseKind::ErrorReport.as_str(),
            FIELD
        )
    );
    assert!(held["deadline"].is_string(), "{held}");

    let decision = decided(live, case, &held["deadline"]).await?;
    let answer = answered(live, (REPORTER, about_somebody), "decided").await?;
    assert_eq!(answer["detail"], decision);
    assert_eq!(answer["reason"], Value::Null, "who reports is told of no other source's record");
    who_does_not_hold_it_is_told_nothing(live, &pin).await?;
    no_log_holds(live, &[CANARY, &pin])
}

fn line((reporter, id): (&str, Uuid), pin: &str, field: &str, fault: &str) -> String {
    json!({ "report_id": id, "reporter": reporter, "pin": pin, "field": field, "fault": fault,
        "proposed": CANARY, "explanation": CANARY, "reported_at": chrono::Utc::now() })
    .to_string()
}

/// A report is rejected, and of this part, for this reason, with this way out; nothing else is said.
async fn refused(live: &Live, report: (&str, Uuid), why: [&str; 3]) -> anyhow::Result<()> {
    let answer = answered(live, report, "rejected").await?;
    let said = ["field", "reason", "way_out"].map(|key| answer[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(said, why, "{answer}");
    for silent in ["detail", "deadline"] {
        assert_eq!(answer[silent], Value::Null, "{answer}");
    }
    Ok(())
}

/// Whoever may not have the item, or does not hold the person, gets one answer for everybody and every value.
async fn who_does_not_hold_it_is_told_nothing(live: &Live, pin: &str) -> anyhow::Result<()> {
    const RELIGION: &str = "npd.religion";
    let adult = "select substr(k.anchor, 5) from anchor k join person p on p.person_id = k.leads_to
         where k.anchor ~ '^pin:[0-9]{3}[01]' and p.countable and p.lifecycle = 0
           and substr(k.anchor, 9, 2) < '90' order by k.anchor limit 1";
    let adult: String = sqlx::query_scalar(adult).fetch_one(&live.places.registry).await?;
    let not_in_agreement = ["field", "not_in_agreement", "report_what_is_permitted"];
    let reports = [
        (REPORTER, pin, RELIGION, not_in_agreement),
        (REPORTER, NOBODY, RELIGION, not_in_agreement),
        ("no_such_agreement", pin, FIELD, not_in_agreement),
        // Pupils' dates of birth, not everybody's.
        ("education", adult.as_str(), FIELD, ["pin", "not_held", "check_number"]),
        ("education", NOBODY, FIELD, ["pin", "not_held", "check_number"]),
        ("citizen", NOBODY, FIELD, ["pin", "unknown_person", "check_number"]),
    ]
    .map(|(reporter, pin, field, why)| (reporter, Uuid::new_v4(), pin, field, why));
    let lines: Vec<String> = reports
        .iter()
        .map(|(reporter, id, pin, field, _)| line((reporter, *id), pin, field, "wrong_value"))
        .collect();
    let file = live.file("refused.jsonl", &lines.join("\n"))?;
    let words = format!("feedback send {} -o json", file.display());
    live.dansync(&words, &live.config("reconciler", "1")).await?.json();
    for (reporter, id, _, _, why) in reports {
        refused(live, (reporter, id), why).await?;
        let key = format!("feedback/report/{reporter}:{id}/subject");
        let open = "select count(*) from registry_case where $1 = any(records)";
        let cases: i64 = sqlx::query_scalar(open).bind(&key).fetch_one(&live.places.registry).await?;
        assert_eq!(cases, 0, "{key}");
        if reporter == "citizen" {
            continue;
        }
        let payload = "select payload from record_version where record_key = $1";
        let kept: Vec<u8> = sqlx::query_scalar(payload).bind(&key).fetch_one(&live.places.registry).await?;
        let holds = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(holds(why[1]) && !holds(CANARY), "what was guessed is not kept: {key}");
    }
    Ok(())
}

/// Looks at the case of a report and lets the value that stands stand: the decision.
async fn decided(live: &Live, case: &str, deadline: &Value) -> anyhow::Result<Value> {
    let console = live.config("steward-console", "1");
    let list = live.dansync("case list --kind error_report --as an -o json", &console).await?.json();
    let line =
        list["cases"].as_array().and_then(|cases| cases.iter().find(|line| line["case_id"] == case)).cloned();
    let line = line.unwrap_or_else(|| panic!("{case} is not listed: {list}"));
    assert_eq!(line["due_on"], *deadline, "{line}");
    let sheet = live.dansync(&format!("case show {case} --as an -o json"), &console).await?.json();
    let statements = sheet["statements"].as_array().expect("statements");
    let report =
        statements.iter().find(|s| s["report"]["reporter"] == "vss_insurance").expect("the report is shown");
    assert_eq!((&report["value"], &report["not_takeable"]), (&CANARY.into(), &"no_authority".into()));
    let stands = statements.iter().find(|s| s["stands"] == true).expect("something stands");
    let words = [
        "case",
        "decide",
        case,
        "--takes",
        stands["record_key"].as_str().unwrap(),
        "--seen",
        sheet["seen"].as_str().unwrap(),
        "--reason",
        REASON,
        "--as",
        "an",
        "-o",
        "json",
    ];
    let decided = run(words.map(ToOwned::to_owned).to_vec(), &console).await?.json();
    Ok(decided["decision_id"].clone())
}

/// No service has written any of these texts into its log.
fn no_log_holds(live: &Live, texts: &[&str]) -> anyhow::Result<()> {
    let logs = std::fs::read_dir(live.deployment.options.dir.join("log"))?;
    let logs: Vec<_> = logs.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    assert!(logs.len() > 9, "each service writes one: {logs:?}");
    for log in logs {
        let text = std::fs::read_to_string(&log)?;
        assert!(!texts.iter().any(|value| text.contains(value)), "{} holds a value", log.display());
    }
    Ok(())
}
