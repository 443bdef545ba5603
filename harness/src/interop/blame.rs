//! At whose side it is that two programs do not work together. The control is each side's run with the model answers.

use schemars::JsonSchema;
use serde::Serialize;

/// How a pair came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// They work together.
    Ok,
    /// They do not.
    Fail,
    /// One of them could not be started or met.
    NotStarted,
    /// The situation could not be made, or the harness failed.
    Undecided,
}

/// What is known of one side of a pair from its control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It works with the model answer.
    Sound,
    /// It does not, and speaks a language of its own with its own other half.
    Private,
    /// It does not.
    Broken,
    /// The control decided nothing.
    Unknown,
}

/// At whose side a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The client's: it fails with the model server, too.
    Client,
    /// The server's: it fails with the model client, too.
    Server,
    /// Both fail with the model answers.
    Both,
    /// Nobody's: two conventions that do not fit together, neither of them wrong.
    Convention,
    /// The control does not say.
    Unknown,
}

impl Standing {
    /// From the control, and from whether it is known to speak only to its own other half.
    pub fn of(control: Outcome, private: bool) -> Self {
        match control {
            Outcome::Ok => Self::Sound,
            Outcome::Fail if private => Self::Private,
            Outcome::Fail => Self::Broken,
            Outcome::NotStarted | Outcome::Undecided => Self::Unknown,
        }
    }
}

/// At whose side a failed pair's failure is.
pub fn fault(client: Standing, server: Standing) -> Fault {
    use Standing::{Broken, Private, Sound, Unknown};
    match (client, server) {
        (Broken, Broken) => Fault::Both,
        (Broken, Sound | Private) => Fault::Client,
        (Sound | Private, Broken) => Fault::Server,
        (Sound | Private, Sound | Private) => Fault::Convention,
        (Unknown, _) | (_, Unknown) => Fault::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::both_sound(Outcome::Ok, Outcome::Ok, Fault::Convention)]
    #[case::client(Outcome::Fail, Outcome::Ok, Fault::Client)]
    #[case::server(Outcome::Ok, Outcome::Fail, Fault::Server)]
    #[case::both(Outcome::Fail, Outcome::Fail, Fault::Both)]
    #[case::no_control(Outcome::Undecided, Outcome::Fail, Fault::Unknown)]
    fn the_control_says_whose_it_is(#[case] client: Outcome, #[case] server: Outcome, #[case] whose: Fault) {
        assert_eq!(fault(Standing::of(client, false), Standing::of(server, false)), whose);
    }

    #[rstest]
    #[case::with_a_sound_one(Standing::Sound, Fault::Convention)]
    #[case::with_another_language(Standing::Private, Fault::Convention)]
    #[case::with_a_broken_one(Standing::Broken, Fault::Server)]
    fn a_language_of_its_own_is_no_fault(#[case] server: Standing, #[case] whose: Fault) {
        assert_eq!(fault(Standing::of(Outcome::Fail, true), server), whose);
    }
}
