//! Finding out what an XML-RPC server calls its functions: the sheet leaves that to the student.

use std::time::Duration;

use super::super::event::What;
use super::super::http::Wanted;
use super::super::{Director, Done, Halt};
use harness_language::scenario::bytes::Payload;
use harness_language::scenario::http::{Framing, Request, Text, Version};
use harness_language::scenario::model::{Connect, ExpectedResponse, LearnFunctions, PeerRef, Send, Sought};
use harness_language::scenario::xmlrpc::{Call, Value};
use harness_peers::xmlrpc::{self, Reply};

/// Bound for each reply.
const REPLY: Duration = Duration::from_secs(5);

/// Most functions of a server that are tried.
const MOST_TRIED: usize = 40;

/// The peer that asks.
const SCOUT: &str = "scout";

impl Director {
    pub(super) async fn learn_functions(&mut self, step: &LearnFunctions) -> Done {
        let own = self.cast.parts.get(&self.scenario.role).map(|part| part.command.values.clone()).unwrap_or_default();
        if step.functions.keys().all(|name| own.contains_key(name)) {
            return Ok(());
        }
        let listed = match self.scout(step, "system.listMethods", &[]).await? {
            // What is no XML-RPC is for the scenarios to judge, which call the functions by their usual names.
            None => return Ok(()),
            Some(Reply::Value(Value::Array(names))) => Some(texts(names)),
            Some(_) => None,
        };
        for (name, sought) in step.functions.iter().filter(|(name, _)| !own.contains_key(*name)) {
            let found = self.find(step, sought, listed.as_deref()).await?;
            self.note("harness", What::Learned(name.clone(), found));
        }
        Ok(())
    }

    /// What a function is called: the first that returns what it should, else the first that has a usual name.
    async fn find(
        &mut self,
        step: &LearnFunctions,
        sought: &Sought,
        listed: Option<&[String]>,
    ) -> Result<Option<String>, Halt> {
        let candidates = candidates(sought, listed);
        let mut by_name = None;
        for (candidate, is_usual) in candidates.into_iter().take(MOST_TRIED) {
            match self.scout(step, &candidate, &sought.params).await? {
                Some(Reply::Value(came)) => match &sought.value {
                    Some(wanted) if xmlrpc::same(wanted, &came) => return Ok(Some(candidate)),
                    None => return Ok(Some(candidate)),
                    Some(_) if is_usual => drop(by_name.get_or_insert(candidate)),
                    Some(_) => {}
                },
                // It is there, and does not work: that is judged where it is called.
                _ if is_usual && listed.is_some() => drop(by_name.get_or_insert(candidate)),
                _ => {}
            }
        }
        Ok(by_name)
    }

    /// Makes one call. Nothing, if what comes is no XML-RPC reply.
    async fn scout(&mut self, step: &LearnFunctions, method: &str, params: &[Value]) -> Result<Option<Reply>, Halt> {
        let call = Call { method: Some(method.to_owned()), function: None, params: params.to_vec() };
        let request = Request {
            method: "POST".to_owned(),
            target: Text(step.target.0.clone()),
            version: Version::Http11,
            headers: step.headers.clone(),
            body: Some(Box::new(Payload::XmlrpcCall(call))),
            framing: Framing::Length,
        };
        let outcome = self.ask(step, request).await;
        self.close(&PeerRef { peer: SCOUT.to_owned() }).await?;
        match outcome {
            Ok(body) => Ok(xmlrpc::reply(&body).ok()),
            Err(Halt::Failed(..)) => Ok(None),
            Err(halt) => Err(halt),
        }
    }

    async fn ask(&mut self, step: &LearnFunctions, request: Request) -> Result<Vec<u8>, Halt> {
        let connect = Connect {
            peer: SCOUT.to_owned(),
            count: None,
            to: step.program.clone(),
            transport: None,
            family: None,
            may_fail: false,
            within: None,
            decides: Vec::new(),
        };
        self.connect(&connect).await?;
        let send = Send {
            peer: SCOUT.to_owned(),
            data: Payload::Request(Box::new(request)),
            segments: None,
            every: None,
            random: None,
            when_read: false,
            end: Default::default(),
            unless_received: None,
            in_background: false,
            taken_in_by: None,
            within: None,
        };
        self.send(&send).await?;
        let anything = ExpectedResponse::default();
        let wanted = Wanted::response(&anything, &|payload: &Payload| self.bytes(payload, 0))?;
        let peer = self.actors.peer(SCOUT);
        self.receive_message(SCOUT, &peer, &wanted, REPLY).await
    }
}

fn texts(values: Vec<Value>) -> Vec<String> {
    let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
    values.into_iter().filter_map(text).collect()
}

/// Names to try, each with whether it is a usual one: those first, in the order of their likelihood.
fn candidates(sought: &Sought, listed: Option<&[String]>) -> Vec<(String, bool)> {
    let Some(listed) = listed else {
        return sought.names.iter().map(|name| (name.clone(), true)).collect();
    };
    let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let mut all: Vec<(String, bool)> = Vec::new();
    for usual in &sought.names {
        let called_so = listed.iter().filter(|name| !name.starts_with("system.") && bare(name) == usual.to_lowercase());
        all.extend(called_so.map(|name| (name.clone(), true)));
    }
    if sought.value.is_some() {
        let others = listed.iter().filter(|name| !name.starts_with("system."));
        let others: Vec<_> = others.filter(|name| !all.iter().any(|(known, _)| known == *name)).cloned().collect();
        all.extend(others.into_iter().map(|name| (name, false)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some(3), None, &["add", "sum"])]
    #[case(Some(3), Some(&["system.listMethods", "mul", "Math.Sum", "add"][..]), &["add", "Math.Sum", "mul"])]
    #[case(None, Some(&["mul", "sum"][..]), &["sum"])]
    fn tries_the_likeliest_first(
        #[case] value: Option<i64>,
        #[case] listed: Option<&[&str]>,
        #[case] expected: &[&str],
    ) {
        let names = vec!["add".to_owned(), "sum".to_owned()];
        let sought = Sought { names, params: Vec::new(), value: value.map(Value::Int) };
        let listed: Option<Vec<String>> = listed.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let tried: Vec<String> = candidates(&sought, listed.as_deref()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(tried, expected);
    }
}
