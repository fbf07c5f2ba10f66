use super::*;

const LIMIT: Duration = Duration::from_micros(10);
const FIRST: u32 = 4;
const COSTS: Costs = Costs { limit: LIMIT, wake_up: Duration::from_micros(15), first: FIRST };
const SHORT: Duration = Duration::from_micros(20);
const LONG: Duration = Duration::from_millis(1);

fn sleep(policy: &mut BusyPoll, time: Duration, times: u32) {
    for _ in 0..times {
        let start = Instant::now();
        policy.sleeps(start);
        policy.wakes(|| start + time);
    }
}

#[test]
fn polls_only_after_several_short_waits_in_a_row() {
    let mut policy = BusyPoll::new(COSTS, None);
    sleep(&mut policy, SHORT, FIRST - 1);
    assert_eq!(policy.limit(), None);
    sleep(&mut policy, LONG, 1);
    sleep(&mut policy, SHORT, FIRST - 1);
    assert_eq!(policy.limit(), None);
    sleep(&mut policy, SHORT, 1);
    assert_eq!(policy.limit(), Some(LIMIT));
}

#[test]
fn never_polls_if_waits_are_long() {
    let mut policy = BusyPoll::new(COSTS, None);
    sleep(&mut policy, LONG, 1000);
    assert_eq!(policy.limit(), None);
}

#[test]
fn only_the_first_wait_after_an_exchange_counts() {
    let mut policy = BusyPoll::new(COSTS, None);
    assert!(!policy.begins_wait());
    policy.turn_ended(true);
    assert!(policy.begins_wait());
    assert!(!policy.begins_wait());
    policy.turn_ended(true);
    policy.turn_ended(false);
    assert!(!policy.begins_wait());
    policy.wakes(|| unreachable!("it has not slept"));
}

#[test]
fn a_limit_of_zero_turns_it_off() {
    let mut policy = BusyPoll::new(COSTS, Some(Duration::ZERO));
    policy.turn_ended(true);
    assert!(!policy.begins_wait());
}

#[test]
fn goes_on_polling_as_long_as_it_hits() {
    let mut policy = BusyPoll::new(COSTS, None);
    sleep(&mut policy, SHORT, FIRST);
    for _ in 0..1000 {
        assert_eq!(policy.limit(), Some(LIMIT));
        policy.hit();
    }
}

#[test]
fn polls_that_always_miss_become_rare() {
    let mut policy = BusyPoll::new(COSTS, None);
    let mut misses = 0;
    for _ in 0..10_000 {
        if policy.limit().is_some() {
            misses += 1;
            policy.miss();
        }
        sleep(&mut policy, SHORT, 1);
    }
    // 4 + 8 + … + 128 short waits before the first seven, then one miss in 256.
    assert!((30..60).contains(&misses), "{misses} misses");
}

#[test]
fn a_rare_miss_among_hits_is_forgiven() {
    let mut policy = BusyPoll::new(COSTS, None);
    sleep(&mut policy, SHORT, FIRST);
    for _ in 0..100 {
        for _ in 0..100 {
            policy.hit();
        }
        policy.miss();
        sleep(&mut policy, SHORT, FIRST);
        assert_eq!(policy.limit(), Some(LIMIT));
    }
}
