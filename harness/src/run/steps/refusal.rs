//! Whether a program tells that a server has refused what it asked for.

use std::time::Duration;

use harness_judging::complaint::Refused;
use harness_judging::complaint::{claims_success, is_complaint, says_no, says_no_room, without_emptiness};
use harness_judging::{closely, complaint, shown};

use super::super::{Director, Done, Failure, Halt};
use harness_language::scenario::model::ExpectRefusalTold;
use harness_peers::dialogue::Refusal;

/// What matters of a dialogue where something was refused.
struct Dialogue {
    refusal: Option<Refusal>,
    course: String,
    replies: Vec<String>,
}

impl Director {
    fn dialogue_of(&self, peer: &str) -> Result<Dialogue, Halt> {
        let found = self.actors.peers.get(peer).and_then(|peer| {
            let peer = peer.borrow();
            let mail = peer.mailbox.as_ref().map(|it| (it.refusal(), it.course(), it.replies()));
            let session = || peer.session.as_ref().map(|it| (it.refusal(), it.course(), it.replies()));
            let files = || peer.depot.as_ref().map(|it| (it.refusal(), it.course(), it.replies()));
            let database = || peer.database.as_ref().map(|it| (it.refusal(), it.course(), it.replies()));
            mail.or_else(session).or_else(files).or_else(database)
        });
        let (refusal, course, replies) = found.ok_or_else(|| {
            let first = "`serve-mail`, `serve-mailbox`, `serve-files` or `serve-database` comes first";
            Halt::Harness(format!("{peer} has had no dialogue: {first}"))
        })?;
        Ok(Dialogue { refusal, course, replies })
    }

    pub(super) async fn expect_refusal_told(&mut self, step: &ExpectRefusalTold) -> Done {
        let limit = step.within.map_or(Duration::from_secs(5), |limit| limit.0);
        let Dialogue { refusal, course, replies } = self.dialogue_of(&step.peer)?;
        let Some(refused) = refusal else {
            // It never came to that.
            return Err(Failure {
                expected: "a dialogue up to the command that is refused".to_owned(),
                actual: course.clone(),
                reason: format!("the command that the server would have refused did not come: {course}"),
                ..Failure::default()
            }
            .into());
        };
        for (name, actor) in self.actors.programs_named(&step.program) {
            let (stdout, stderr) = self.all_said(&actor, limit).await;
            self.note_said(&name, &stdout, &stderr);
            let said = [stdout.as_slice(), b"\n", stderr.as_slice()].concat();
            let own = without_echo(&said, &replies);
            let shown = closely::contains(&said, refused.mark.as_bytes(), false);
            let claim = claims_success(&own, refused.what);
            let in_vain = refused.went_on && refused.what == Refused::Login;
            let own = if in_vain { without_emptiness(&own) } else { own };
            let lacks_room = refused.what == Refused::File && says_no_room(&own);
            // Who went on and fell over what came next did not tell of the refusal, but of a line of its own.
            let fell = refused.went_on && !shown && complaint::is_traceback(&stderr);
            let told = if fell {
                says_no(&without_echo(&stdout, &replies))
            } else {
                says_no(&own) || is_complaint(&stderr) || lacks_room || shown && !refused.went_on
            };
            let who = actor.noun(&name);
            let what = shown::quote(refused.reply.lines().next().unwrap_or_default().as_bytes());
            let reason = match claim {
                Some(line) => {
                    format!("the server refused with {what}, and {who} says {}", shown::quote(line.as_bytes()))
                }
                None if told => continue,
                None if shown => format!(
                    "the server refused with {what}; {who} shows the reply, says nothing about it and goes on as if \
                     the server had agreed"
                ),
                None if fell => format!(
                    "the server refused with {what}; {who} goes on as if the server had agreed, and crashes later"
                ),
                None => format!("the server refused with {what}, and {who} does not say so"),
            };
            return Err(Failure {
                expected: format!("{who} says that {}", refused.what.meaning()),
                actual: shown::describe(&said),
                reason,
                ..Failure::default()
            }
            .into());
        }
        Ok(())
    }
}

/// What a program has said without the server's replies that it shows.
fn without_echo(said: &[u8], replies: &[String]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(said).into_owned();
    for reply in replies {
        text = text.replace(reply.as_str(), "");
        // Some show it without the code, or without the word that stands for one.
        let words = reply.trim_start_matches(['+', '-']).split_once([' ', '-']).map(|(_, words)| words);
        if let Some(words) = words.filter(|words| words.len() > 3) {
            text = text.replace(words, "");
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("S: 550 no such box", "S: ")]
    #[case("refused: no such box", "refused: ")]
    #[case("server said -ERR [AUTH] wrong\nlogin failed", "server said \nlogin failed")]
    #[case("[AUTH] wrong", "")]
    fn what_is_shown_is_not_said(#[case] said: &str, #[case] own: &str) {
        let replies = ["550 no such box".to_owned(), "-ERR [AUTH] wrong".to_owned()];
        assert_eq!(String::from_utf8(without_echo(said.as_bytes(), &replies)).unwrap(), own);
    }
}
