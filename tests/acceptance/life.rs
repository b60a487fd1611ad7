//! One change followed hop by hop, as `cargo xtask life --follow` does, on a small deployment.

use acceptance::follow::{Follower, Hop, Marks, Places, Tie};
use acceptance::life::{AppliedEvent, LifeEvent, LifeStream};
use acceptance::pipeline::{Deployment, DeploymentOptions, Eyes, addresses};
use acceptance::population::{self, Plan, Rates, SourceDatabases};
use acceptance::stack::{Scratch, Stack, shared};
use std::time::Duration;

const PEOPLE: usize = 400;
/// On a busy machine with two cores.
const WITHIN: Duration = Duration::from_mins(2);

/// Whether the register gave a number to an act.
const ISSUED: &str = "select exists (select from can_cuoc.so_dinh_danh where so_dinh_danh = $1
     and (ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so) = ($2, $3, $4, $5))";

/// A small deployment of its own, loaded and at rest.
async fn deployed(stack: &Stack, scratch: &Scratch) -> anyhow::Result<Deployment> {
    let name = Stack::unique("life");
    let options = DeploymentOptions {
        suffix: format!("_{name}"),
        topic_prefix: format!("{name}."),
        dir: scratch.path().to_owned(),
    };
    let mut deployment = Deployment::prepare(stack, options).await?;
    let today = chrono::Utc::now().date_naive();
    let plan = Plan { people: PEOPLE, seed: 11, today, rates: Rates::default() };
    population::load(&population::generate(&plan), &deployment.source_databases().await?).await?;
    deployment.start().await?;
    Eyes::open(&deployment).await?.settled(&[], 0, WITHIN).await?;
    Ok(deployment)
}

/// Follows with the time bound of this file.
async fn follow(follower: &Follower, marks: &Marks, applied: &AppliedEvent) -> anyhow::Result<Vec<Hop>> {
    let mut told = Vec::new();
    let hops = follower.follow(marks, applied, WITHIN, &mut |hop| told.push(hop.clone())).await?;
    assert_eq!(hops, told, "what is told is what is given back");
    in_order(&hops, applied);
    Ok(hops)
}

/// Each record is captured; a person's version is merged, published, authorised and delivered in this order and time.
fn in_order(hops: &[Hop], applied: &AppliedEvent) {
    let captured = hops.iter().filter(|hop| matches!(hop, Hop::Captured { .. })).count();
    assert_eq!(captured, applied.rows.iter().map(|row| row.records.len()).sum::<usize>(), "{hops:#?}");
    let place = |hop: &Hop| match hop {
        Hop::Captured { .. } | Hop::Quarantined { .. } | Hop::Answered { .. } => 0,
        Hop::Merged { .. } | Hop::Unchanged { .. } => 1,
        Hop::Published { .. } => 2,
        Hop::Authorised { .. } => 3,
        Hop::Delivered { .. } => 4,
        Hop::Withheld { .. } => 5,
    };
    let whose = |hop: &Hop| match hop {
        Hop::Captured { .. } | Hop::Quarantined { .. } | Hop::Answered { .. } | Hop::Unchanged { .. } => None,
        Hop::Merged { person_id, .. }
        | Hop::Published { person_id, .. }
        | Hop::Authorised { person_id, .. }
        | Hop::Withheld { person_id, .. }
        | Hop::Delivered { person_id, .. } => Some(*person_id),
    };
    for hop in hops.iter().filter(|hop| place(hop) > 1) {
        let earlier = |one: &&Hop| whose(one) == whose(hop) && place(one) == 1;
        let merged = hops.iter().find(earlier).expect("who is published was merged");
        assert!(hop.milliseconds().is_none_or(|at| Some(at) >= merged.milliseconds()), "{hops:#?}");
    }
    for hop in hops {
        if let Hop::Delivered { agreement, release_no, person_id, outcome, mode, row, milliseconds } = hop {
            // Two of a household may be merged one after the other: the later release about a third takes the place.
            let later = hops.iter().any(|hop| {
                matches!(hop, Hop::Authorised { agreement: a, release_no: n, person_id: p, .. }
                    if (a, p) == (agreement, person_id) && n > release_no)
            });
            assert!(outcome == "delivered" || (later && outcome == "superseded"), "{hops:#?}");
            let authorised = hops.iter().find_map(|hop| {
                let Hop::Authorised {
                    agreement: a, release_no: n, person_id: p, event, milliseconds, ..
                } = hop
                else {
                    return None;
                };
                ((a, n, p) == (agreement, release_no, person_id)).then_some((event, *milliseconds))
            });
            let (event, at) = authorised.expect("nothing is delivered that is not on the ledger");
            assert!(*milliseconds >= Some(at), "{hops:#?}");
            if mode == "database" {
                assert!(*row == Some(event != "left") || (later && row.is_none()), "{hops:#?}");
            }
        }
    }
}

fn delivered(hops: &[Hop], event: &str) -> usize {
    hops.iter().filter(|hop| matches!(hop, Hop::Authorised { event: e, .. } if e == event)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn birth_death_and_move_are_followed_to_every_sector_that_may_know() {
    Box::pin(followed()).await.unwrap();
}

async fn followed() -> anyhow::Result<()> {
    let (stack, scratch) = (shared().await?, Scratch::create()?);
    let mut deployment = deployed(&stack, &scratch).await?;
    let places = addresses(&stack, &deployment, &deployment.topics(&stack), &[])?.to_string();
    let places = Places::open(&places).await?;
    let life_sources = places.sources.clone();
    let mut life = LifeStream::open(places.sources.clone(), 5, chrono::Utc::now().date_naive()).await?;
    let follower = Follower::new(places);

    let mut marks = follower.mark().await?;
    let mut next = Some(life.apply(LifeEvent::Birth).await?);
    let (mut steps, mut entered, mut answers) = (0, 0, Vec::new());
    while let Some(applied) = next {
        let hops = follow(&follower, &marks, &applied).await?;
        let own = hops.iter().any(|hop| matches!(hop, Hop::Merged { tie: Tie::Own, .. }));
        assert!(own, "each office's part says something new: {hops:#?}");
        entered += delivered(&hops, "entered");
        answers.extend(hops.iter().filter_map(|hop| {
            let Hop::Answered { role, outcome, .. } = hop else { return None };
            Some((role.clone(), outcome.clone()))
        }));
        steps += 1;
        marks = follower.mark().await?;
        next = life.settle_next().await?;
    }
    assert_eq!(steps, 3, "registrar, identity office, commune police");
    let has = |role: &str, outcome: &str| answers.contains(&(role.to_owned(), outcome.to_owned()));
    assert!(
        has("child", "accepted") && has("mother", "accepted") && has("child", "pin_issued"),
        "{answers:?}"
    );
    number_is_in_the_inbox(&life_sources).await?;
    assert!(entered > 0, "a newborn child is somebody for at least one sector");

    for event in [LifeEvent::Death, LifeEvent::Move] {
        let marks = follower.mark().await?;
        let applied = life.apply(event).await?;
        let hops = follow(&follower, &marks, &applied).await?;
        let told = hops.iter().any(|hop| matches!(hop, Hop::Authorised { .. } | Hop::Withheld { .. }));
        assert!(told, "{event}: {hops:#?}");
        life.settle().await?;
    }

    let marks = follower.mark().await?;
    let hops = follower.follow(&marks, &life.apply(LifeEvent::Junk).await?, WITHIN, &mut |_| ()).await?;
    assert!(matches!(&*hops, [Hop::Quarantined { reasons, .. }] if !reasons.is_empty()), "{hops:#?}");
    deployment.stop().await
}

/// The registrar reads the child's number: the one that the identity office has issued for this very act.
async fn number_is_in_the_inbox(sources: &SourceDatabases) -> anyhow::Result<()> {
    let (act, number): (i64, String) = sqlx::query_as(
        "select k.id, i.so_dinh_danh from hotich.hop_thu_den i
         join hotich.khai_sinh k on i.ma_ban_ghi = 'civil_status/birth/' || k.id || '/child'
         where i.loai = 'pin_issued' order by i.nhan_luc desc limit 1",
    )
    .fetch_one(&sources.civil_status)
    .await?;
    let birth: (String, String, i32, i32, Option<String>) = sqlx::query_as(
        "select ma_co_quan, quyen_so, nam_so, so, con_so_dinh_danh from hotich.khai_sinh where id = $1",
    )
    .bind(act)
    .fetch_one(&sources.civil_status)
    .await?;
    assert_eq!(birth.4, None, "the act itself has none");
    let issued: bool = sqlx::query_scalar(ISSUED)
        .bind(&number)
        .bind(&birth.0)
        .bind(&birth.1)
        .bind(birth.2)
        .bind(birth.3)
        .fetch_one(&sources.identity)
        .await?;
    assert!(issued, "it is the register's own number of that act");
    Ok(())
}
