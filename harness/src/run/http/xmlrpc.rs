//! Judging what a response says as an XML-RPC reply.

use harness_language::scenario::model::{ExpectedReply, ExpectedResult};
use harness_language::scenario::xmlrpc::Value;
use harness_peers::xmlrpc::{self, Reply};

/// What is wanted, in words.
pub fn describe(wanted: &ExpectedReply) -> String {
    match wanted {
        ExpectedReply::Any => "an XML-RPC reply that holds a value".to_owned(),
        ExpectedReply::Value(value) => format!("an XML-RPC reply that holds {value}"),
        ExpectedReply::Fault => "an XML-RPC fault, with faultCode and faultString".to_owned(),
        ExpectedReply::Results(results) | ExpectedReply::ExactResults(results) => {
            let results: Vec<String> = results.iter().map(one).collect();
            format!("an XML-RPC reply that holds an array of {}: {}", results.len(), results.join(", "))
        }
        ExpectedReply::Refused => "an XML-RPC fault, or a status from 400".to_owned(),
        ExpectedReply::Unserved => "no value: a status from 400, or a fault".to_owned(),
    }
}

fn one(result: &ExpectedResult) -> String {
    match result {
        ExpectedResult::Value(value) => format!("[{value}]"),
        ExpectedResult::Fault => "a fault".to_owned(),
    }
}

/// Judges the body of a response with this status. What was let pass comes back in words.
///
/// # Errors
/// Why it is wrong: a sentence.
pub fn judge(wanted: &ExpectedReply, status: u16, body: &[u8]) -> Result<Option<String>, String> {
    match wanted {
        ExpectedReply::Refused => match (status, xmlrpc::reply(body)) {
            (400.., _) | (_, Ok(Reply::Fault { .. })) => Ok(None),
            (_, Ok(reply)) => Err(format!("it is no refusal, but holds {reply}")),
            (_, Err(why)) => Err(format!("it says {status}, which is no refusal, and holds no fault: {why}")),
        },
        ExpectedReply::Unserved => match (status, xmlrpc::reply(body)) {
            (400.., _) | (_, Ok(Reply::Fault { .. })) => Ok(None),
            (_, Ok(Reply::Value(value))) => Err(format!("the call was served: the reply holds {value}")),
            (_, Err(_)) => Ok(Some(format!("a refusal with status {status}, which says that all is well"))),
        },
        _ if status != 200 => Err(format!(
            "its status is {status}: an XML-RPC reply comes with 200, faults included, and clients go by it"
        )),
        ExpectedReply::Any => value(body).map(|_| None),
        ExpectedReply::Value(wanted) => {
            let came = value(body)?;
            if xmlrpc::same(wanted, &came) { Ok(None) } else { Err(format!("it holds {came}, not {wanted}")) }
        }
        ExpectedReply::Fault => match xmlrpc::reply(body)? {
            Reply::Fault { .. } => Ok(None),
            reply => Err(format!("it is no fault, but holds {reply}")),
        },
        ExpectedReply::Results(wanted) => results(wanted, &value(body)?, false),
        ExpectedReply::ExactResults(wanted) => results(wanted, &value(body)?, true),
    }
}

fn value(body: &[u8]) -> Result<Value, String> {
    match xmlrpc::reply(body)? {
        Reply::Value(value) => Ok(value),
        fault => Err(format!("it is {fault}")),
    }
}

fn results(wanted: &[ExpectedResult], came: &Value, exactly: bool) -> Result<Option<String>, String> {
    let Value::Array(came) = came else {
        return Err(format!("it holds {came}, not an array with a result for each call"));
    };
    if came.len() != wanted.len() {
        return Err(format!("{} calls were made with one, and it holds {} results", wanted.len(), came.len()));
    }
    let mut finding = None;
    for (index, (wanted, entry)) in wanted.iter().zip(came).enumerate() {
        let said = match xmlrpc::result(entry) {
            Ok(said) => said,
            Err(bare) if exactly => {
                return Err(format!(
                    "result {} is {bare}: by convention a value stands in an array of its own, and a fault is a struct \
                     with faultCode and faultString, so that the two can be told apart",
                    index + 1
                ));
            }
            Err(bare) => {
                finding = Some("a result does not stand in an array of its own".to_owned());
                Reply::Value(bare)
            }
        };
        let right = match (wanted, &said) {
            (ExpectedResult::Value(wanted), Reply::Value(came)) => xmlrpc::same(wanted, came),
            (ExpectedResult::Fault, Reply::Fault { .. }) => true,
            _ => false,
        };
        if !right {
            return Err(format!("result {} is {said}, not {}", index + 1, one(wanted)));
        }
    }
    Ok(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[derive(serde::Deserialize)]
    struct File {
        wanted: ExpectedReply,
    }

    const FAULT: &str = "<fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member>\
                         <member><name>faultString</name><value>no</value></member></struct></value></fault>";

    fn params(inner: &str) -> String {
        format!("<params><param><value>{inner}</value></param></params>")
    }

    fn list(entries: &[&str]) -> String {
        let entries: String = entries.iter().map(|entry| format!("<value>{entry}</value>")).collect();
        format!("<array><data>{entries}</data></array>")
    }

    const INNER_FAULT: &str = "<struct><member><name>faultCode</name><value><int>1</int></value></member>\
                               <member><name>faultString</name><value>no</value></member></struct>";

    #[rstest]
    #[case("{ value = 3 }", 200, params("<double>3.0</double>"), "")]
    #[case("{ value = 3 }", 200, params("<string>3</string>"), "it holds \"3\", not 3")]
    #[case("{ value = 3 }", 500, params("<int>3</int>"), "its status is 500")]
    #[case("{ value = 3 }", 200, FAULT.to_owned(), "it is fault 1, \"no\"")]
    #[case("\"any\"", 200, params(""), "")]
    #[case("\"fault\"", 200, FAULT.to_owned(), "")]
    #[case("\"fault\"", 200, params("<string>no</string>"), "is no fault, but holds the value \"no\"")]
    #[case("\"refused\"", 404, String::new(), "")]
    #[case("\"refused\"", 200, FAULT.to_owned(), "")]
    #[case("\"refused\"", 200, params("1"), "it is no refusal")]
    #[case("\"unserved\"", 401, params("1"), "")]
    #[case("\"unserved\"", 200, params("1"), "the call was served")]
    #[case("{ results = [{ value = 3 }, \"fault\"] }", 200, params(&list(&[&list(&["<int>3</int>"]), INNER_FAULT])), "")]
    #[case("{ results = [{ value = 3 }] }", 200, params(&list(&["<int>3</int>"])), "")]
    #[case("{ exact-results = [{ value = 3 }] }", 200, params(&list(&["<int>3</int>"])), "result 1 is 3: by convention")]
    #[case("{ results = [{ value = 3 }, { value = 4 }] }", 200, params(&list(&[&list(&["<int>3</int>"])])), "2 calls were made with one, and it holds 1")]
    #[case("{ results = [{ value = 3 }, { value = 4 }] }", 200, params("<int>3</int>"), "not an array")]
    #[case("{ results = [{ value = 3 }] }", 200, params(&list(&[INNER_FAULT])), "result 1 is fault 1")]
    fn judges(#[case] wanted: &str, #[case] status: u16, #[case] inner: String, #[case] why: &str) {
        let file: File = toml::from_str(&format!("wanted = {wanted}")).unwrap();
        let body = format!("<methodResponse>{inner}</methodResponse>");
        match judge(&file.wanted, status, body.as_bytes()) {
            Ok(_) => assert_eq!(why, ""),
            Err(said) => assert!(!why.is_empty() && said.contains(why), "{said}"),
        }
    }
}
