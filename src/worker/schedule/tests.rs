use super::*;
use crate::worker::clock::Clock;

const BLOCK: Duration = Duration::from_secs(1);

fn head(height: i64, seen: Instant) -> Head {
    Clock::at(height, seen, BLOCK)
}

fn closed(next_start: Option<i64>) -> WindowStatus {
    WindowStatus {
        height: 1,
        open: None,
        next_start,
        is_registered: true,
        is_whitelisted: true,
        is_topic_active: next_start.is_some(),
    }
}

fn schedule() -> Schedule {
    let mut schedule = Schedule::new(Duration::from_secs(120));
    schedule.set_lengths(20, 8);
    schedule
}

/// The pause to the next look after one that was answered at block 100.
fn pause(next_start: Option<i64>, height: i64, subscribed: Subscribed) -> Duration {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.looked(&closed(next_start), now);
    schedule.next_look(head(height, now), subscribed, false) - now
}

#[test]
fn looks_at_once_then_at_the_opening() {
    let now = Instant::now();
    assert!(schedule().next_look(head(100, now), Subscribed::No, false) <= now);
    let wait = pause(Some(120), 100, Subscribed::Yes);
    assert!(wait >= BLOCK * 20 && wait <= BLOCK * 22, "{wait:?}");
}

#[test]
fn never_later_than_the_polling_interval() {
    assert_eq!(pause(Some(10_000), 100, Subscribed::Yes), Duration::from_secs(120));
    assert_eq!(pause(None, 100, Subscribed::Yes), Duration::from_secs(120));
}

#[test]
fn a_block_that_is_told_of_counts_as_a_look_for_an_hour() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.looked(&closed(Some(10_000)), now);
    let seen = now + Duration::from_secs(1_000);
    let next = |subscribed, seen| schedule.next_look(head(1_100, seen), subscribed, false) - now;
    assert_eq!(next(Subscribed::Yes, seen), Duration::from_secs(1_120));
    assert_eq!(next(Subscribed::Yes, now + SELDOM), SELDOM);
    assert!(next(Subscribed::No, seen) < BLOCK * 8);
}

#[test]
fn an_opening_of_which_no_event_tells_is_looked_for_though_blocks_are_told_of() {
    for length in [2, 3, 8, 100] {
        let (mut schedule, begin) = (schedule(), Instant::now());
        schedule.set_lengths(200, i64::from(length));
        schedule.looked(&closed(Some(120)), begin);
        let is_due = |blocks: &u32| {
            let now = begin + BLOCK * (20 + blocks);
            schedule.next_look(head(120 + i64::from(*blocks), now), Subscribed::Yes, false) <= now
        };
        let late = (0..length).find(is_due);
        assert!(late.is_some_and(|late| late <= LATE_BLOCKS), "{late:?} of a window of {length} blocks");
    }
}

#[test]
fn what_a_look_under_way_may_have_been_too_early_for_is_looked_for_again() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.look_begun();
    schedule.look_now();
    schedule.looked(&closed(Some(120)), now);
    assert!(schedule.next_look(head(100, now), Subscribed::No, false) <= now);
    schedule.look_begun();
    schedule.looked(&closed(Some(120)), now);
    assert!(schedule.next_look(head(100, now), Subscribed::No, false) > now, "once");
}

#[test]
fn without_events_no_window_can_pass_unseen() {
    assert_eq!(pause(None, 100, Subscribed::No), BLOCK, "an eighth of a window");
    for length in [2, 3, 8, 100] {
        let (mut schedule, mut now) = (schedule(), Instant::now());
        schedule.set_lengths(200, length);
        // A chain that halts, or skips windows: the opening is overdue, and nothing opens.
        for _ in 0..20 {
            schedule.looked(&WindowStatus { height: 120, ..closed(Some(120)) }, now);
            let next = schedule.next_look(head(120, now), Subscribed::No, false);
            let most = (BLOCK * u32::try_from(length).unwrap() / 4).max(BLOCK / 2);
            assert!(next - now <= most, "{:?} of a window of {length} blocks", next - now);
            now = next;
        }
    }
}

/// How many blocks come between two looks at most, where the chain is `times` faster than it is believed to be.
fn most_blocks_between_looks(schedule: &mut Schedule, times: u32, looks: u32) -> u32 {
    let (begin, mut now) = (Instant::now(), Instant::now());
    let mut most = Duration::ZERO;
    for _ in 0..looks {
        schedule.looked(&closed(Some(1_000)), now);
        let next = schedule.next_look(head(100, begin), Subscribed::No, false);
        most = most.max(next - now);
        now = next;
    }
    u32::try_from((most * times).as_millis() / BLOCK.as_millis()).unwrap()
}

#[test]
fn without_events_no_window_passes_unseen_by_a_pace_that_is_wrong() {
    let mut slow_for_long = schedule();
    assert!(most_blocks_between_looks(&mut slow_for_long, 6, 50) < 8, "of a window of 8 blocks");
    let mut after_a_halt = schedule();
    // Each look measures the pace anew: a few are enough.
    assert!(most_blocks_between_looks(&mut after_a_halt, 7, 4) < 8);
}

#[test]
fn a_topic_that_is_off_foretells_nothing_while_its_last_window_is_open() {
    let (mut schedule, now) = (schedule(), Instant::now());
    let open = Some(Window { nonce: 100, end: 108 });
    schedule.looked(&WindowStatus { open, ..closed(None) }, now);
    assert_eq!(schedule.next_start(), None);
}

#[test]
fn a_window_of_two_blocks_is_looked_for_before_its_last() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.set_lengths(20, 2);
    schedule.looked(&closed(Some(120)), now);
    let look = schedule.next_look(head(119, now), Subscribed::Yes, false);
    assert!(look < now + BLOCK * 2, "{:?}", look - now);
}

#[test]
fn a_look_that_failed_is_made_again_soon() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.look_failed(now);
    assert_eq!(schedule.next_look(head(100, now), Subscribed::Yes, false) - now, RETRY.0);
    for _ in 0..20 {
        schedule.look_failed(now);
    }
    assert_eq!(schedule.next_look(head(100, now), Subscribed::Yes, false) - now, BLOCK / 2);
    let slow = Head { block_time: Duration::from_secs(30), ..head(100, now) };
    assert_eq!(schedule.next_look(slow, Subscribed::Yes, false) - now, RETRY.1);
}

#[test]
fn while_a_window_is_answered_without_events_each_block_is_looked_for() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.looked(&closed(Some(200)), now);
    assert_eq!(schedule.next_look(head(100, now), Subscribed::No, true) - now, BLOCK);
}

#[test]
fn a_window_that_may_not_be_answered_is_looked_at_until_its_end() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.looked(&closed(Some(100)), now);
    assert_eq!(schedule.next_look_at_open(head(100, now)), None);
    schedule.opened(Window { nonce: 100, end: 120 });
    assert_eq!(schedule.next_look_at_open(head(100, now)), Some(now + BLOCK * 5));
    assert_eq!(schedule.next_look_at_open(head(119, now)), Some(now + BLOCK / 2));
    assert_eq!(schedule.next_look_at_open(head(120, now)), None);
}

#[test]
fn before_each_opening_there_is_one_look_at_what_was_missing() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.looked(&closed(Some(120)), now);
    assert_eq!(schedule.next_look_ahead(head(100, now), 3), Some(now + BLOCK * 17));
    schedule.looked(&closed(Some(120)), now + BLOCK * 17);
    assert_eq!(schedule.next_look_ahead(head(117, now + BLOCK * 17), 3), None, "it was done");
    schedule.looked(&closed(Some(140)), now + BLOCK * 21);
    assert_eq!(schedule.next_look_ahead(head(121, now + BLOCK * 21), 3), Some(now + BLOCK * 37));
    schedule.looked(&closed(None), now + BLOCK * 22);
    assert_eq!(schedule.next_look_ahead(head(122, now + BLOCK * 22), 3), None);
}

#[test]
fn an_overdue_opening_is_looked_for_every_half_block() {
    assert_eq!(pause(Some(120), 125, Subscribed::No), BLOCK / 2);
}

#[test]
fn what_went_by_between_two_looks_is_told_of_once() {
    let (mut schedule, now) = (schedule(), Instant::now());
    let look = |schedule: &mut Schedule, height, next| {
        schedule.looked(&WindowStatus { height, ..closed(Some(next)) }, now);
        schedule.unseen()
    };
    assert_eq!(look(&mut schedule, 100, 120), []);
    assert_eq!(look(&mut schedule, 127, 120), [], "it may be seen yet");
    let nonces = |windows: Vec<Window>| windows.iter().map(|window| window.nonce).collect::<Vec<_>>();
    assert_eq!(look(&mut schedule, 128, 140), [Window { nonce: 120, end: 128 }]);
    schedule.opened(Window { nonce: 140, end: 148 });
    schedule.next_start = Some(140);
    assert_eq!(nonces(look(&mut schedule, 188, 200)), [160, 180]);
    assert!(look(&mut schedule, 188, 200).is_empty());
    assert_eq!(look(&mut schedule, 200_000, 200_020).len(), 168);
}

#[test]
fn newest_first_and_each_once() {
    let mut schedule = schedule();
    assert!(schedule.opened(Window { nonce: 100, end: 120 }));
    assert!(schedule.opened(Window { nonce: 110, end: 130 }));
    assert!(!schedule.opened(Window { nonce: 110, end: 130 }));
    assert_eq!(schedule.take(111).map(|window| window.nonce), Some(110));
    assert!(!schedule.opened(Window { nonce: 110, end: 130 }), "it is being dealt with");
    assert_eq!(schedule.missed(120), vec![Window { nonce: 100, end: 120 }]);
    assert_eq!(schedule.take(121), None);
}

#[test]
fn an_event_foretells_the_next_window() {
    let mut schedule = schedule();
    schedule.opened(Window { nonce: 100, end: 108 });
    assert_eq!(schedule.next_start(), Some(120));
}

#[test]
fn what_an_earlier_life_began_is_taken_first_and_once() {
    let mut schedule = schedule();
    schedule.resume(Window { nonce: 100, end: 108 });
    assert!(!schedule.opened(Window { nonce: 100, end: 108 }));
    assert_eq!(schedule.resumed(101, true), Some(Window { nonce: 100, end: 108 }));
    assert_eq!(schedule.resumed(101, true), None);
}

#[test]
fn what_is_over_is_gone_on_with_while_the_model_is_busy() {
    let (over, open) = (Window { nonce: 100, end: 108 }, Window { nonce: 108, end: 116 });
    let mut schedule = schedule();
    schedule.resume(over);
    schedule.resume(open);
    assert_eq!(schedule.resumed(107, false), None);
    assert_eq!(schedule.resumed(108, false), Some(over));
    assert_eq!(schedule.resumed(108, false), None);
    assert_eq!(schedule.resumed(108, true), Some(open));
}
