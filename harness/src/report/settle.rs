//! The rules of judgement ([`harness_verdict::settle`]) on the parts of a report.

use harness_verdict::settle::{self, Settled, Shown, Standing};

use super::model::{Level, Report, RequirementReport, RunReport, Status, TaskReport, Verdict};

impl RequirementReport {
    /// Its verdict and points anew, from its runs and its worth.
    pub fn settle(&mut self) {
        let runs: Vec<Shown<'_>> = self.runs.iter().map(shown).collect();
        let Settled { status, lost_with, score, max_score } = settle::requirement(self.worth, &runs);
        (self.status, self.lost_with, self.score, self.max_score) = (status, lost_with, score, max_score);
    }

    fn standing(&self) -> Standing {
        Standing { level: self.level, status: self.status, is_lost: self.is_lost() }
    }

    /// Whether no report can pass that holds it.
    pub fn forbids_pass(&self) -> bool {
        self.standing().forbids_pass()
    }
}

fn shown(run: &RunReport) -> Shown<'_> {
    Shown { role: &run.role, pairing: &run.pairing, status: run.status, undecided: run.undecided.as_ref() }
}

impl TaskReport {
    /// Its verdict and points anew, from its requirements.
    pub fn settle(&mut self) {
        let all: Vec<Standing> = self.requirements.iter().map(RequirementReport::standing).collect();
        self.status = settle::task(&all);
        self.score = self.requirements.iter().map(|it| it.score).sum();
        self.max_score = self.requirements.iter().map(|it| it.max_score).sum();
    }
}

impl Report {
    /// Its verdict and points anew, from its tasks.
    pub fn settle(&mut self) {
        self.score = self.tasks.iter().map(|task| task.score).sum();
        self.max_score = self.tasks.iter().map(|task| task.max_score).sum();
        self.verdict = verdict(&self.tasks);
        self.passed = self.verdict == Verdict::Passed;
        let open = |it: &&RequirementReport| it.level == Level::Must && it.status == Status::Skip;
        let all = self.tasks.iter().flat_map(|task| &task.requirements);
        self.undecided = all.filter(open).map(|it| it.id.clone()).collect();
    }
}

/// What tasks come to.
pub fn verdict(tasks: &[TaskReport]) -> Verdict {
    let all = tasks.iter().flat_map(|task| &task.requirements);
    settle::verdict(&all.map(RequirementReport::standing).collect::<Vec<_>>())
}
