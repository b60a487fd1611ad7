#[path = "reconciler/world.rs"]
mod world;
use event_log::SourceMessage;
use std::time::Instant;
use world::*;

#[tokio::test]
async fn many_orders() {
    let seeds: u64 = std::env::var("SEEDS").map_or(0, |s| s.parse().unwrap());
    if seeds == 0 {
        return;
    }
    let said: Vec<SourceMessage> = (0..9).flat_map(family).collect();
    let (mut w, r) = World::new().await;
    let b = w.batch(said.clone());
    w.apply(&r, &b).await;
    w.go_live(&r).await;
    let expected = w.state().await;
    for seed in 100..100 + seeds {
        let (mut world, reconciler) = World::new().await;
        let mut dice = Dice(seed);
        let live = dice.below(2) == 0;
        if live {
            world.go_live(&reconciler).await;
        }
        let mut said = said.clone();
        dice.shuffle(&mut said);
        while !said.is_empty() {
            let size = (1 + dice.below(25)).min(said.len());
            let batch = world.batch(said.drain(..size));
            world.apply(&reconciler, &batch).await;
            if live && dice.below(3) == 0 {
                settle(&reconciler).await;
            }
        }
        if !live {
            world.go_live(&reconciler).await;
        }
        settle(&reconciler).await;
        assert_eq!(world.state().await, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn perf() {
    let n: usize = std::env::var("FAMILIES").map_or(0, |s| s.parse().unwrap());
    if n == 0 {
        return;
    }
    let said: Vec<SourceMessage> = (0..n).flat_map(family).collect();
    for mode in ["load", "live"] {
        let (mut world, reconciler) = World::new().await;
        if mode == "live" {
            world.go_live(&reconciler).await;
        }
        let mut said = said.clone();
        Dice(5).shuffle(&mut said);
        let total = said.len();
        let mut batches = Vec::new();
        while !said.is_empty() {
            let size = 2000.min(said.len());
            batches.push(world.batch(said.drain(..size)));
        }
        let t = Instant::now();
        for b in &batches {
            world.apply(&reconciler, b).await;
        }
        println!(
            "{mode}: apply {total} records in {:?} = {:.0}/s",
            t.elapsed(),
            total as f64 / t.elapsed().as_secs_f64()
        );
        let t1 = Instant::now();
        if mode == "load" {
            world.go_live(&reconciler).await;
        } else {
            settle(&reconciler).await;
        }
        println!("{mode}: settle in {:?}; all {:?}", t1.elapsed(), t.elapsed());
        // small batches
        let mut times = Vec::new();
        for k in 0..200 {
            let f = family(n + k);
            for m in f.chunks(3) {
                let b = world.batch(m.to_vec());
                let t = Instant::now();
                world.apply(&reconciler, &b).await;
                times.push(t.elapsed());
            }
        }
        times.sort();
        println!(
            "{mode}: small batches p50 {:?} p99 {:?}",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
        println!("{}", world.state().await);
    }
}
