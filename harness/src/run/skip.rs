//! Bounds of the grading as reasons why a run decides nothing.

use std::time::Duration;

use harness_verdict::{Bound, Skip, Undecided};

use harness_language::scenario::duration::human;

fn reached(bound: Bound, why: String) -> Skip {
    Skip { by: Undecided::Bound(bound), why }
}

/// It took too long in real time, which may as well be the machine's fault.
pub fn out_of_time(most: Duration) -> Skip {
    reached(Bound::RunTime, format!("the run did not come to an end within {} of real time", human(most)))
}

/// It was not begun: the submission had its time.
pub fn submission_out_of_time(most: Duration) -> Skip {
    let why = format!("the runs before it took the {} of real time that a submission has", human(most));
    reached(Bound::SubmissionTime, why)
}

/// The harness would have to keep too much.
pub fn out_of_memory(most: u64) -> Skip {
    let why = format!("what was sent and printed took more than {} MiB of the harness's memory", most >> 20);
    reached(Bound::Memory, why)
}
