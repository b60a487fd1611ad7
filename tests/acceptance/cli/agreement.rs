//! `agreement`.

use super::live::{Live, keys};

pub(super) async fn agreements_go_the_steps_of_the_procedure(live: &Live) -> anyhow::Result<()> {
    let officer = &live.officer;
    let list = live.dansync("agreement list -o json", officer).await?.json();
    assert_eq!(keys(&list), ["version", "agreements"]);
    let lines = list["agreements"].as_array().unwrap();
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(keys(line), ["agreement", "state", "in_force", "newest_version", "generation"]);
        assert_eq!((&line["state"], &line["in_force"]), (&"active".into(), &1.into()), "{line}");
    }
    let show = live.dansync("agreement show education -o json", officer).await?.json();
    assert_eq!((&show["agreement"], &show["shown_version"]), (&"education".into(), &1.into()));
    let fields = show["fields"].as_array().unwrap();
    assert!(fields.contains(&"npd.date_of_birth".into()) && !fields.contains(&"npd.pin".into()), "{show}");
    assert!(
        live.dansync("agreement show education", officer).await?.out.contains("agreement = \"education\"")
    );

    let status = live.dansync("agreement status -o json", officer).await?.json();
    for line in status["agreements"].as_array().unwrap() {
        let count = |key: &str| line[key].as_u64().unwrap();
        let settled = count("delivered") + count("superseded") + count("withdrawn");
        assert_eq!((count("authorised"), count("waiting")), (settled, 0), "{line}");
        assert!(count("population") > 0, "{line}");
    }

    let unknown = live.dansync("agreement show tax", officer).await?;
    unknown.refused(1, &["no agreement tax", "import"]);
    live.dansync("agreement show education --version 9", officer).await?.refused(1, &["no version 9"]);
    live.dansync("agreement suspend tax --as an", officer).await?.refused(1, &["tax", "import"]);
    live.dansync("agreement step education approved --as an", officer)
        .await?
        .refused(77, &["education", "active", "approved", "Circular 46/2022"]);
    live.dansync("agreement step education active --as an", officer)
        .await?
        .refused(2, &["agreement activate"]);
    live.dansync("agreement suspend education", officer).await?.refused(2, &["--as"]);
    // The dispatcher's own role may only read them.
    let dispatcher = live.config("dispatcher", "1");
    let refused = live.dansync("agreement suspend education --as an", &dispatcher).await?;
    refused.refused(78, &["role of this configuration may not", "dansync migrate"]);

    let suspended = live.dansync("agreement suspend education --as an -o json", officer).await?.json();
    assert_eq!(keys(&suspended), ["version", "agreement", "state", "in_force", "generation"]);
    assert_eq!(suspended["state"], "suspended");
    live.dansync("agreement suspend education --as an", officer).await?.refused(77, &["suspended"]);
    let active = live.dansync("agreement activate education --as an -o json", officer).await?.json();
    assert_eq!((&active["state"], &active["in_force"]), (&"active".into(), &1.into()));
    Ok(())
}
