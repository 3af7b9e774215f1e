use std::sync::Arc;

use super::*;
use crate::balance::least_connections::LeastConnections;
use crate::balance::round_robin::RoundRobin;

fn settings() -> Settings {
    Settings {
        sticky: Some(Sticky::new(String::from("b"), HashKey(1, 2))),
        outlier: Some(outlier::Settings {
            consecutive: 3,
            failure_percent: 101,
            min_requests: 100,
            interval: 10_000,
            base: 1_000,
            max: 60_000,
            max_ejected_percent: 50,
        }),
        breaker: breaker::Limits { max_requests: 5 },
        slow_start: 900,
    }
}

fn wanted(names: &[&str]) -> Vec<Wanted<()>> {
    let one = |name: &&str| Wanted {
        name: (*name).to_owned(),
        weight: 1,
        load: Arc::default(),
        own: (),
    };
    names.iter().map(one).collect()
}

fn pool(names: &[&str]) -> Pool<()> {
    let mut pool = Pool::new(settings(), Policy::RoundRobin(RoundRobin::default()));
    pool.update(wanted(names), 0);
    pool
}

/// The one that a request is sent to.
fn pick(pool: &mut Pool<()>, request: Request<'_>, now: Millis) -> Option<(BackendId, Permit)> {
    match pool.pick(request, now, &mut Rng::new(1)) {
        Pick::Backend(id, permit) => Some((id, permit)),
        Pick::Full | Pick::Nobody => None,
    }
}

/// Sends so many requests, each of which is served at once, and counts where they went.
fn serve(pool: &mut Pool<()>, count: u32, now: Millis) -> Vec<u32> {
    let mut counts = vec![0; pool.next_id as usize];
    for _ in 0..count {
        let (id, permit) = pick(pool, Request::default(), now).unwrap();
        counts[id.0 as usize] += 1;
        drop(permit);
        let latency = Some(Latency::Answered(1));
        pool.finished(id, latency, Some(Outcome::Served), now);
    }
    counts
}

/// Fails one request at this backend.
fn fail(pool: &mut Pool<()>, id: u32, now: Millis) -> bool {
    let others = (0..pool.next_id).filter(|&other| other != id);
    let tried: Vec<_> = others.map(BackendId).collect();
    let request = Request {
        tried: &tried,
        ..Request::default()
    };
    let (found, _permit) = pick(pool, request, now).unwrap();
    assert_eq!(found, BackendId(id));
    pool.finished(found, Some(Latency::Failed(1)), Some(Outcome::Failed), now)
}

#[test]
fn who_is_down_or_drains_is_left_out() {
    let mut pool = pool(&["a", "b", "c"]);
    pool.set_health(BackendId(1), Health::Down, 0);
    assert_eq!(serve(&mut pool, 10, 0), [5, 0, 5]);
    pool.set_draining(BackendId(0), Service::Draining, 0);
    assert_eq!(serve(&mut pool, 10, 0), [0, 0, 10]);
    pool.set_health(BackendId(2), Health::Down, 0);
    assert!(matches!(
        pool.pick(Request::default(), 0, &mut Rng::new(1)),
        Pick::Nobody
    ));
    pool.set_draining(BackendId(0), Service::Normal, 0);
    assert_eq!(serve(&mut pool, 10, 0), [10, 0, 0]);
}

#[test]
fn failures_in_a_row_eject_until_time_has_passed() {
    let mut pool = pool(&["a", "b"]);
    assert_eq!(
        [0, 1, 2].map(|now| fail(&mut pool, 0, now)),
        [false, false, true]
    );
    assert_eq!(
        pool.backend(BackendId(0)).unwrap().ejected_until(3),
        Some(1_002)
    );
    assert_eq!(serve(&mut pool, 10, 1_001), [0, 10]);
    assert_eq!(serve(&mut pool, 10, 1_002), [5, 5]);
}

#[test]
fn the_last_one_of_two_is_not_ejected() {
    let mut pool = pool(&["a", "b"]);
    assert!((0..3).any(|now| fail(&mut pool, 0, now)));
    assert!(!(0..10).any(|now| fail(&mut pool, 1, now)));
    // When the first is back, there is one to take its place.
    assert!(fail(&mut pool, 1, 1_002));
    assert_eq!(serve(&mut pool, 4, 1_002), [4, 0]);
}

#[test]
fn not_all_are_ejected_though_all_fail() {
    let mut pool = pool(&["a", "b", "c", "d"]);
    let mut ejected = 0;
    for id in 0..4 {
        for now in 0..3 {
            ejected += u32::from(fail(&mut pool, id, now));
        }
    }
    assert_eq!(ejected, 2);
    assert_eq!(serve(&mut pool, 10, 5), [0, 0, 5, 5]);
}

#[test]
fn who_comes_back_starts_slowly() {
    let mut pool = Pool::new(settings(), Policy::Weighted(Default::default()));
    pool.update(wanted(&["a", "b"]), 0);
    assert_eq!(serve(&mut pool, 100, 0), [50, 50]);
    pool.set_health(BackendId(0), Health::Down, 0);
    pool.set_health(BackendId(0), Health::Up, 1_000);
    assert_eq!(serve(&mut pool, 110, 1_000), [10, 100]);
    assert_eq!(serve(&mut pool, 150, 1_400), [50, 100]);
    assert_eq!(serve(&mut pool, 100, 1_900), [50, 50]);
    pool.update(wanted(&["a", "b", "c"]), 2_000);
    assert_eq!(serve(&mut pool, 210, 2_000), [100, 100, 10]);
}

#[test]
fn nobody_gets_more_than_its_breaker_allows() {
    let mut pool = Pool::new(
        settings(),
        Policy::LeastConnections(LeastConnections::default()),
    );
    pool.update(wanted(&["a", "b"]), 0);
    let mut permits: Vec<_> = (0..10)
        .map(|_| pick(&mut pool, Request::default(), 0).unwrap())
        .collect();
    assert!(matches!(
        pool.pick(Request::default(), 0, &mut Rng::new(1)),
        Pick::Full
    ));
    let (id, permit) = permits.remove(3);
    drop(permit);
    pool.finished(id, None, None, 0);
    assert_eq!(pick(&mut pool, Request::default(), 0).unwrap().0, id);
}

#[test]
fn a_client_comes_back_to_its_backend_as_long_as_that_is_there() {
    let mut pool = pool(&["a", "b", "c"]);
    let token = pool.token(BackendId(1));
    assert!(token.is_some());
    let with = |pool: &mut Pool<()>, tried| {
        let request = Request {
            token,
            tried,
            ..Request::default()
        };
        let (id, _permit) = pick(pool, request, 0).unwrap();
        pool.finished(id, None, None, 0);
        id.0
    };
    assert_eq!([1, 2, 3].map(|_| with(&mut pool, &[])), [1, 1, 1]);
    pool.set_draining(BackendId(1), Service::Draining, 0);
    assert_eq!(with(&mut pool, &[]), 1);
    assert_ne!(with(&mut pool, &[BackendId(1)]), 1);
    pool.set_health(BackendId(1), Health::Down, 0);
    assert_ne!(with(&mut pool, &[]), 1);
    pool.set_health(BackendId(1), Health::Up, 0);
    pool.update(wanted(&["a", "c"]), 0);
    assert_ne!(with(&mut pool, &[]), 1);
}

#[test]
fn who_leaves_finishes_what_it_has() {
    let mut pool = pool(&["a", "b"]);
    let (id, _permit) = pick(&mut pool, Request::default(), 0).unwrap();
    pool.update(wanted(&["b"]), 0);
    assert_eq!(
        pool.backend(id).map(Backend::service),
        Some(Service::Leaving)
    );
    assert_eq!(serve(&mut pool, 4, 0), [0, 4]);
    pool.finished(id, Some(Latency::Answered(5)), Some(Outcome::Served), 5);
    assert!(pool.backend(id).is_none());
    // It comes back as another one.
    pool.update(wanted(&["a", "b"]), 10);
    let names: Vec<_> = pool
        .backends()
        .map(|(one, b)| (one.id.0, &*b.name))
        .collect();
    assert_eq!(names, [(1, "b"), (2, "a")]);
}

#[test]
fn who_is_wanted_again_before_it_has_left_stays() {
    let mut pool = pool(&["a", "b"]);
    let (id, _permit) = pick(&mut pool, Request::default(), 0).unwrap();
    pool.update(wanted(&["b"]), 0);
    pool.update(wanted(&["b", "a"]), 0);
    pool.finished(id, None, None, 0);
    assert_eq!(serve(&mut pool, 4, 0), [2, 2]);
}
