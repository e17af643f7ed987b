use super::*;

#[test]
fn nothing_is_foretold_before_the_pace_is_known() {
    let clock = Clock::new(None);
    clock.observe(1);
    assert!(!clock.head().is_paced);
    clock.observe(2);
    assert!(clock.head().is_paced && Clock::new(Some(Duration::from_secs(1))).head().is_paced);
}

#[test]
fn measures_block_times_and_foretells_heights() {
    let clock = Clock::new(Some(Duration::from_secs(1)));
    let start = Instant::now();
    for blocks in 0..50_u32 {
        clock.observe_at(10 + u64::from(blocks), start + Duration::from_secs(2) * blocks);
    }
    let head = clock.head();
    assert!((head.block_time.as_secs_f64() - 2.0).abs() < 0.01, "{:?}", head.block_time);
    let wait = head.eta(69) - head.seen;
    assert!((wait.as_secs_f64() - 20.0).abs() < 0.1, "{wait:?}");
    assert_eq!(head.eta(5), head.seen, "what is past is there");
    let age = head.seen - head.made(54);
    assert!((age.as_secs_f64() - 10.0).abs() < 0.1, "{age:?}");
    assert_eq!(head.made(70), head.seen, "what is to come is not made earlier");
}

#[test]
fn the_first_measurement_is_worth_more_than_a_guess() {
    let clock = Clock::new(None);
    let start = Instant::now();
    clock.observe_at(10, start);
    clock.observe_at(11, start + Duration::from_secs(1));
    assert_eq!(clock.head().block_time, Duration::from_secs(1));
}

#[test]
fn a_chain_that_halts_and_goes_on_has_the_same_pace() {
    for halt in [60, 3_600] {
        let clock = Clock::new(Some(Duration::from_secs(1)));
        let mut now = Instant::now();
        for height in 10..40 {
            now += Duration::from_secs(if height == 20 { halt } else { 1 });
            clock.observe_at(height, now);
            assert_eq!(clock.head().block_time, Duration::from_secs(1), "{height}");
        }
    }
}

#[test]
fn a_chain_that_changes_its_pace_is_followed_within_some_blocks() {
    let clock = Clock::new(Some(Duration::from_millis(200)));
    let mut now = Instant::now();
    for height in 10..20 {
        now += Duration::from_secs(30);
        clock.observe_at(height, now);
    }
    assert_eq!(clock.head().block_time, Duration::from_secs(30));
}

#[test]
fn a_late_block_moves_those_behind_it() {
    let clock = Clock::new(Some(Duration::from_secs(1)));
    clock.observe_at(10, Instant::now() - Duration::from_secs(60));
    let head = clock.head();
    assert_eq!(head.time_to(20), Duration::from_secs(9));
    assert_eq!(head.time_to(10), Duration::ZERO);
}

/// A clock at 1000, and a second later.
fn at_1000() -> (Clock, Instant) {
    let (clock, start) = (Clock::new(Some(Duration::from_secs(1))), Instant::now());
    clock.observe_at(1_000, start);
    (clock, start + Duration::from_secs(1))
}

#[test]
fn a_height_that_one_of_two_nodes_claims_closes_no_window() {
    let (clock, now) = at_1000();
    assert!(!clock.observe_at(1_000_000_000, now));
    assert!(clock.is_in_doubt() && !clock.is_current(1_000_000_000));
    clock.judge_at(&[1_000_000_000, 1_001], now);
    assert!(!clock.observe_at(1_000_000_001, now) && !clock.is_in_doubt(), "not asked with every block");
    assert!(clock.observe_at(1_001, now));
    assert_eq!(clock.head().height, 1_001);
    assert!(!clock.observe_at(u64::MAX, now + DEAF * 2) && clock.is_in_doubt());
}

#[test]
fn a_height_that_is_some_blocks_too_high_is_asked_about_where_blocks_are_slow() {
    for (block_time, most) in [(30, 2), (5, 2), (1, 10)] {
        let clock = Clock::new(Some(Duration::from_secs(block_time)));
        let now = Instant::now();
        clock.observe_at(1_000, now);
        assert!(!clock.observe_at(1_000 + most + 1, now) && clock.is_in_doubt(), "{block_time} s");
        assert!(clock.observe_at(1_000 + most, now), "{block_time} s");
    }
}

#[test]
fn after_a_sleep_the_chain_is_far_ahead() {
    for heights in [&[9_000][..], &[9_000, 9_001], &[9_000, 1_000_000_000]] {
        let (clock, now) = at_1000();
        assert!(!clock.observe_at(9_001, now));
        clock.judge_at(heights, now);
        assert_eq!(clock.head().height, 9_000, "{heights:?}");
        assert_eq!(clock.head().block_time, Duration::from_secs(1), "the sleep is no pace");
        assert!(clock.observe_at(9_001, now));
    }
}

#[test]
fn a_pace_that_only_the_other_nodes_explain_is_learnt() {
    let clock = Clock::new(Some(Duration::from_secs(10)));
    let mut now = Instant::now();
    clock.observe_at(1_000, now);
    for height in [1_020, 1_040, 1_060, 1_080] {
        now += Duration::from_secs(20);
        assert!(!clock.observe_at(height, now));
        clock.judge_at(&[height], now);
    }
    assert_eq!(clock.head().block_time, Duration::from_secs(1));
}

#[test]
fn a_height_that_nobody_contradicted_is_taken_back_when_somebody_does() {
    let (clock, now) = at_1000();
    clock.observe_at(1_000_000, now);
    clock.judge_at(&[1_000_000], now);
    assert_eq!(clock.head().height, 1_000_000);
    assert!(clock.observe_at(1_011, now), "a node that is behind changes nothing by itself");
    assert!(clock.is_in_doubt());
    clock.judge_at(&[1_011], now);
    assert_eq!(clock.head().height, 1_011);
}

#[test]
fn a_node_that_is_far_behind_does_not_take_the_clock_back() {
    let (clock, now) = at_1000();
    assert!(clock.observe_at(10, now));
    clock.judge_at(&[10, 1_001], now);
    clock.judge_at(&[], now);
    assert_eq!(clock.head().height, 1_000);
}

#[test]
fn a_block_that_was_made_long_before_it_came_in_is_late() {
    let (clock, start) = at_1000();
    // Years off the time of the process.
    let epoch = OffsetDateTime::UNIX_EPOCH;
    let is_late = |made: i64, seen: u64| {
        clock.is_late_at(epoch + time::Duration::seconds(made), start + Duration::from_secs(seen))
    };
    assert!(!is_late(0, 0) && !is_late(1, 1) && !is_late(2, 6), "a slow way");
    assert!(!is_late(67, 67), "a halt");
    assert!(is_late(40, 100), "the past");
    assert!(!is_late(45, 101) && !is_late(102, 102), "it catches up");
    assert!(is_late(90, 105), "and begins anew");
    assert!(!is_late(1_000_000, 106), "a time that is wrong");
    assert!(is_late(107, 107) && !is_late(108, 108), "holds for no other block");
}

#[test]
fn an_old_height_changes_nothing() {
    let clock = Clock::new(None);
    clock.observe(10);
    let before = clock.head();
    clock.observe_at(9, before.seen + Duration::from_secs(2));
    assert_eq!(clock.head(), before);
}
