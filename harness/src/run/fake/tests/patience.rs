//! Waiting: for how long, and why it ends.

use rstest::rstest;

use super::*;
use crate::run::patience::{GaveUp, Patience};

/// How long a wait of 400 ms lasts on a stage, and why it ends.
fn waits(stage: &FakeStage, mut patience: Patience) -> (u64, GaveUp) {
    run(async {
        loop {
            if let Err(why) = patience.moment(stage).await {
                return (u64::try_from(stage.now().as_millis()).unwrap(), why);
            }
        }
    })
}

fn stage() -> FakeStage {
    FakeStage::new(Script::default())
}

fn with(stillness: impl Fn(u64) -> Stillness + 'static) -> FakeStage {
    let stillness = move |now: Duration| stillness(u64::try_from(now.as_millis()).unwrap());
    FakeStage { stillness: Some(Box::new(stillness)), ..stage() }
}

/// Time lost to others, in milliseconds, to programs that never rest.
fn robbed(starved: impl Fn(u64) -> u64 + 'static) -> FakeStage {
    let starved = move |now: Duration| ms(starved(u64::try_from(now.as_millis()).unwrap()));
    FakeStage { starved: Box::new(starved), ..with(|_| Stillness::Busy) }
}

type Kind = fn(&dyn Stage, Duration) -> Patience;

const BOUND: GaveUp = GaveUp::Bound(Duration::from_millis(400));

// Programs are looked at every 8 ms; three readings agree at 24 ms; what is found out is said one moment of 4 ms later.
#[rstest]
#[case::busy(with(|_| Stillness::Busy), Patience::new, 404, BOUND)]
#[case::timed(with(|_| Stillness::Timed), Patience::new, 404, BOUND)]
#[case::still(with(|_| Stillness::Forever(1)), Patience::new, 284, GaveUp::Still)]
#[case::still_and_tried(with(|_| Stillness::Forever(1)), Patience::for_a_trial, 84, GaveUp::Still)]
#[case::still_and_no_more(with(|_| Stillness::Forever(1)), Patience::for_stillness, 28, GaveUp::Still)]
#[case::still_and_no_matter(with(|_| Stillness::Forever(1)), Patience::to_the_end, 404, BOUND)]
#[case::never_twice_the_same(with(Stillness::Forever), Patience::for_stillness, 404, BOUND)]
#[case::another_reading_later(with(|now| Stillness::Forever(u64::from(now > 40))), Patience::new, 324, GaveUp::Still)]
#[case::woken_once(with(|now| if now == 200 { Stillness::Busy } else { Stillness::Forever(1) }), Patience::new, 404, BOUND)]
#[case::woken_early(with(|now| if now == 16 { Stillness::Busy } else { Stillness::Forever(1) }), Patience::new, 300, GaveUp::Still)]
#[case::still_late(with(|now| if now < 300 { Stillness::Timed } else { Stillness::Forever(1) }), Patience::for_stillness, 324, GaveUp::Still)]
#[case::still_too_late(with(|now| if now < 300 { Stillness::Timed } else { Stillness::Forever(1) }), Patience::new, 404, BOUND)]
#[case::robbed(robbed(|now| now.min(100)), Patience::new, 496, BOUND)]
#[case::robbed_before(robbed(|_| 100), Patience::new, 404, BOUND)]
#[case::robbed_always(robbed(|now| now), Patience::new, 4404, BOUND)]
#[case::robbed_by_half(robbed(|now| now / 2), Patience::new, 796, BOUND)]
fn a_wait_lasts(#[case] stage: FakeStage, #[case] kind: Kind, #[case] until: u64, #[case] why: GaveUp) {
    let patience = kind(&stage, ms(400));
    assert_eq!(waits(&stage, patience), (until, why));
}

#[test]
fn a_wait_of_no_time_lasts_a_moment() {
    let stage = stage();
    let patience = Patience::new(&stage, Duration::ZERO);
    assert_eq!(waits(&stage, patience), (8, GaveUp::Bound(Duration::ZERO)));
}

#[test]
fn a_short_wait_looks_at_nobody() {
    let stage = stage();
    let patience = Patience::new(&stage, ms(4));
    assert_eq!((waits(&stage, patience).0, stage.looks.get()), (8, 0));
}

#[test]
fn who_hurries_needs_no_grace() {
    let stage = stage();
    let mut patience = Patience::new(&stage, ms(400));
    patience.hurry();
    assert_eq!(waits(&stage, patience), (28, GaveUp::Still));
}

/// Something comes every 20 ms, up to the 200th: the wait for more is as long as if it had begun then.
#[test]
fn what_comes_renews_stillness_and_not_the_bound() {
    let stage = stage();
    let mut patience = Patience::for_stillness(&stage, ms(400));
    let over = run(async {
        loop {
            if let Err(why) = patience.moment(&stage).await {
                return why;
            }
            if stage.now().as_millis().is_multiple_of(20) && stage.now() <= ms(200) {
                patience.renew(&stage);
            }
        }
    });
    assert_eq!((stage.now(), over), (ms(228), GaveUp::Still));
}

#[rstest]
#[case::at_once(0, &[false, true], true)]
#[case::on_its_way(20, &[false, false, false, false, false, true], true)]
#[case::still_running(0, &[false, false], false)]
fn of_the_ended_nothing_more_comes(#[case] arrives: u64, #[case] answers: &[bool], #[case] ended: bool) {
    let stage = FakeStage { arrived: Box::new(move |now| now >= ms(arrives)), ..stage() };
    let mut patience = Patience::new(&stage, ms(400));
    let said = run(async {
        let mut said = Vec::new();
        for _ in answers {
            said.push(patience.nothing_more(&stage, ended));
            stage.tick().await;
        }
        said
    });
    assert_eq!(said, answers);
}
