//! Who a record belongs to: two stewards split a person, and take it back.

use super::decision::{PASSWORD, disagreement};
use super::live::{Live, Said, WITHIN, keys, run};
use acceptance::follow::STEWARD;
use acceptance::life::{AppliedEvent, LifeEvent, WrittenRow};
use registry_rules::{IDENTITY_DECISION, RowKey};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const REASON: &str = "two files under one number seen";

/// Whose the record is now.
async fn owner(live: &Live, record: &str) -> anyhow::Result<String> {
    let shown = live.reconciler(&format!("registry show {record} -o json")).await?.json();
    Ok(shown["person_id"].as_str().unwrap_or_default().to_owned())
}

async fn case(console: &Path, words: &[&str], user: &str) -> anyhow::Result<Said> {
    let words = [&["case"], words, &["--as", user, "-o", "json"]].concat();
    run(words.into_iter().map(ToOwned::to_owned).collect(), console).await
}

/// Approves a proposal and follows the decision until the registry has done what it says.
async fn approved(live: &Live, console: &Path, proposal: &Value) -> anyhow::Result<String> {
    assert_eq!(proposal["version"], 1);
    let id = proposal["proposal_id"].as_str().expect("a proposal");
    case(console, &["approve", id, "--reason", REASON], "an").await?.refused(77, &["another steward"]);
    case(console, &["approve", id, "--reason", "short"], "binh").await?.refused(1, &["reason"]);
    let marks = live.follower.mark().await?;
    let ended = case(console, &["approve", id, "--reason", REASON], "binh").await?.json();
    assert_eq!(keys(&ended), ["version", "proposal_id", "decision_id"]);
    let decision = ended["decision_id"].as_str().expect("a decision").to_owned();
    let row_key = RowKey::new(STEWARD, IDENTITY_DECISION, &decision)?;
    let row = WrittenRow {
        source: STEWARD,
        table: "console.identity_decision",
        records: vec![row_key.record("subject")],
        row_key,
        written_at: chrono::Utc::now(),
    };
    let applied = AppliedEvent { event: LifeEvent::Disagree, step: "stewards decide", rows: vec![row] };
    live.follower.follow(&marks, &applied, WITHIN, &mut |_| ()).await?;
    case(console, &["approve", id, "--reason", REASON], "binh").await?.refused(1, &["no such proposal"]);
    Ok(decision)
}

pub(super) async fn two_stewards_split_a_person_and_take_it_back(live: &mut Live) -> anyhow::Result<()> {
    let password = live.file("password", PASSWORD)?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    for name in ["an", "binh"] {
        let words = format!("console user add {name} --role steward --password-file {}", password.display());
        assert_eq!(live.dansync(&words, &live.owner.clone()).await?.code, 0);
    }
    let console = live.config("steward-console", "1");
    let (person, case_id, record) = disagreement(live).await?;
    let person = person.to_string();
    assert_eq!(owner(live, &record).await?, person);
    let sheet = case(&console, &["show", &case_id], "an").await?.json();
    let seen = sheet["seen"].as_str().expect("seen").to_owned();
    assert!(sheet["rulings"].as_array().is_some_and(|kinds| kinds.contains(&"split".into())), "{sheet}");

    let decide = |kind: &'static str, more: &'static [&'static str], seen: &str| {
        let words = ["decide", &case_id, kind, "--seen", seen, "--reason", REASON].map(ToOwned::to_owned);
        let more: Vec<String> = more.iter().map(|word| word.replace("RECORD", &record)).collect();
        let console = console.clone();
        async move {
            let words: Vec<&str> = words.iter().chain(&more).map(String::as_str).collect();
            case(&console, &words, "an").await
        }
    };
    decide("split", &[], &seen).await?.refused(2, &["--record"]);
    decide("merge", &["--record", "RECORD"], &seen).await?.refused(1, &["no such decision"]);
    decide("send-back", &["--record", "RECORD"], &seen).await?.refused(1, &["question"]);
    decide("send-back", &["--record", "RECORD", "--question", "why"], &seen)
        .await?
        .refused(2, &["check-person"]);
    decide("split", &["--record", "residence/person/0/resident"], &seen).await?.refused(1, &["record"]);
    decide("split", &["--record", "RECORD"], "x").await?.refused(75, &["changed"]);
    let proposal = decide("split", &["--record", "RECORD"], &seen).await?.json();
    assert_eq!(keys(&proposal), ["version", "case_id", "proposal_id"]);
    assert_eq!(owner(live, &record).await?, person, "a proposal moves nobody");

    let split = approved(live, &console, &proposal).await?;
    let apart = owner(live, &record).await?;
    assert_ne!(apart, person);
    let trail = case(&console, &["show", &case_id], "an").await?.json();
    let moved = trail["decisions"][0]["effect"]["moved"].as_array().cloned().unwrap_or_default();
    assert!(moved.iter().any(|one| one["after"] == apart.as_str()), "{trail}");

    let reversal = case(&console, &["reverse", &split, "--reason", REASON], "an").await?.json();
    let back = approved(live, &console, &reversal).await?;
    assert_eq!(owner(live, &record).await?, person, "what was split is together again");
    let trail = case(&console, &["show", &case_id], "an").await?.json();
    assert_eq!(trail["decisions"][0]["taken_back_by"], back.as_str());
    assert_eq!(trail["decisions"][1]["reverses"], split.as_str());
    case(&console, &["reverse", &split, "--reason", REASON], "an").await?.refused(1, &["taken back already"]);
    Ok(())
}
