//! What the stewards' desk may learn of disclosure: how many agreements hold an item, and nothing else.

use acceptance::stack::{Stack, shared};
use disclosure_store::{HoldersQuestion, MayReport, grant_to_stewards, holders_of, may_report};
use registry_rules::PersonId;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

/// Two agreements: one over name and address, one over the name's parts alone.
const AGREEMENTS: [&str; 5] = [
    "insert into agreement_version (agreement, version, document) values ('a', 1, ''), ('a', 2, ''), ('b', 1, '')",
    "insert into agreement_field (agreement, version, field) values ('a', 1, 'npd.sex'), ('a', 2, 'npd.birth_name'),
       ('a', 2, 'npd.permanent_residence'), ('b', 1, 'npd.birth_name.full')",
    // The first person is held by both, the second by one; the third has left, the fourth was never released.
    "insert into holding (person_id, agreement, release_no, agreement_version, member) values
       ('00000000-0000-0000-0000-000000000001', 'a', 3, 2, true),
       ('00000000-0000-0000-0000-000000000001', 'b', 1, 1, true)",
    "insert into holding (person_id, agreement, release_no, agreement_version, member) values
       ('00000000-0000-0000-0000-000000000002', 'a', 1, 2, true)",
    "insert into holding (person_id, agreement, release_no, agreement_version, member) values
       ('00000000-0000-0000-0000-000000000003', 'a', 2, 2, false),
       ('00000000-0000-0000-0000-000000000004', 'b', 0, 1, true)",
];

/// Agreement `a` is active under its second version, `b` is suspended.
const STATES: [&str; 2] = [
    "insert into agreement_state (agreement, state, version) values ('a', 'active', 2), ('b', 'suspended', 1)",
    "insert into agreement_version (agreement, version, document) values ('c', 1, '')",
];

#[tokio::test]
async fn the_reconciler_learns_who_may_speak_of_what_and_nothing_else() {
    let stack = shared().await.unwrap();
    let name = Stack::unique("reporters");
    stack.registry.create_database(&name).await.unwrap();
    let owner = PgPool::connect_with(stack.registry.administrator_options(&name)).await.unwrap();
    disclosure_store::migrate(&owner).await.unwrap();
    for statement in AGREEMENTS.into_iter().chain(STATES) {
        sqlx::query(statement).execute(&owner).await.unwrap();
    }
    let role = stack.registry.create_role(&Stack::unique("reconciler")).await.unwrap();
    let admit = format!("grant connect on database {name} to {}", role.name);
    sqlx::query(AssertSqlSafe(admit)).execute(&owner).await.unwrap();
    let asking = PgPool::connect(&stack.registry.role_url(&name, &role).unwrap()).await.unwrap();
    let person = |n: u128| Some(PersonId::from_u128(n));
    assert!(
        may_report(&asking, "a", "npd.birth_name", person(1)).await.is_err(),
        "nobody may ask without the right"
    );
    disclosure_store::grant_to_reconciler(&owner, &role.name).await.unwrap();
    for (agreement, item, who, has_item, holds_person) in [
        ("a", "npd.birth_name", person(1), true, true),
        ("a", "npd.permanent_residence", person(2), true, true),
        // Of the version in force, and no item is the beginning of another's name.
        ("a", "npd.sex", person(1), false, true),
        ("a", "npd.birth", person(1), false, true),
        // Left, never released, nobody.
        ("a", "npd.birth_name", person(3), true, false),
        ("a", "npd.birth_name", person(4), true, false),
        ("a", "npd.birth_name", None, true, false),
        // Suspended, not activated, unknown: permitted nothing.
        ("b", "npd.birth_name", person(1), false, true),
        ("c", "npd.birth_name", person(1), false, false),
        ("d", "npd.birth_name", person(1), false, false),
    ] {
        let told = may_report(&asking, agreement, item, who).await.unwrap();
        assert_eq!(told, MayReport { has_item, holds_person }, "{agreement} {item} {who:?}");
    }
    for table in
        ["holding", "agreement_version", "agreement_field", "agreement_state", "person_state", "ledger_entry"]
    {
        let read = sqlx::query(AssertSqlSafe(format!("select from {table}"))).fetch_all(&asking).await;
        let denied = read.unwrap_err().as_database_error().and_then(|e| e.code().map(|c| c == "42501"));
        assert_eq!(denied, Some(true), "{table}");
    }
}

#[tokio::test]
async fn the_desk_learns_how_many_hold_an_item_and_nothing_else() {
    let stack = shared().await.unwrap();
    let name = Stack::unique("holders");
    stack.registry.create_database(&name).await.unwrap();
    let owner = PgPool::connect_with(stack.registry.administrator_options(&name)).await.unwrap();
    disclosure_store::migrate(&owner).await.unwrap();
    for statement in AGREEMENTS {
        sqlx::query(statement).execute(&owner).await.unwrap();
    }
    let role = stack.registry.create_role(&Stack::unique("desk")).await.unwrap();
    let admit = format!("grant connect on database {name} to {}", role.name);
    sqlx::query(AssertSqlSafe(admit)).execute(&owner).await.unwrap();
    let desk = PgPool::connect(&stack.registry.role_url(&name, &role).unwrap()).await.unwrap();
    let ask = |persons: &[u128], item: Option<&str>| HoldersQuestion {
        persons: persons.iter().map(|n| PersonId::from_u128(*n)).collect(),
        item: item.map(ToOwned::to_owned),
    };
    let refused = holders_of(&desk, &[ask(&[1], None)]).await;
    assert!(refused.is_err(), "nobody may ask who was not given the right");
    grant_to_stewards(&owner, &role.name).await.unwrap();
    let questions = [
        (ask(&[1], Some("npd.birth_name")), 2),
        (ask(&[1], Some("npd.permanent_residence")), 1),
        // Of the version that it holds, not of an earlier one; and no item is the beginning of another's name.
        (ask(&[1], Some("npd.sex")), 0),
        (ask(&[1], Some("npd.birth")), 0),
        (ask(&[1], None), 2),
        (ask(&[1, 2], Some("npd.birth_name")), 2),
        (ask(&[2], None), 1),
        (ask(&[3, 4], None), 0),
        (ask(&[], None), 0),
    ];
    let (asked, counts): (Vec<_>, Vec<u32>) = questions.into_iter().unzip();
    assert_eq!(holders_of(&desk, &asked).await.unwrap(), counts);
    for table in ["holding", "agreement_version", "agreement_field", "person_state", "ledger_entry"] {
        let read = sqlx::query(AssertSqlSafe(format!("select from {table}"))).fetch_all(&desk).await;
        let denied = read.unwrap_err().as_database_error().and_then(|e| e.code().map(|c| c == "42501"));
        assert_eq!(denied, Some(true), "{table}");
    }
}
