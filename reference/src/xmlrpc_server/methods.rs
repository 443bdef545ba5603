//! The functions that can be called.

use std::thread;
use std::time::Duration;

use super::message::{Call, Fault, NO_CALL, NO_SUCH_METHOD, WRONG_PARAMS};
use super::value::Value;

/// The longest that `wait` waits, in seconds. Each call that waits holds a thread.
const LONGEST_WAIT: f64 = 60.0;

/// Their names, as `system.listMethods` tells them.
const NAMES: [&str; 8] =
    ["add", "subtract", "multiply", "divide", "echo", "wait", "system.listMethods", "system.multicall"];

/// Carries out a call.
///
/// # Errors
/// A fault for the caller.
pub fn dispatch(call: &Call) -> Result<Value, Fault> {
    match (call.method.as_str(), call.params.as_slice()) {
        ("add", [a, b]) => arithmetic(a, b, i32::checked_add, |a, b| a + b),
        ("subtract", [a, b]) => arithmetic(a, b, i32::checked_sub, |a, b| a - b),
        ("multiply", [a, b]) => arithmetic(a, b, i32::checked_mul, |a, b| a * b),
        ("divide", [a, b]) => match (number(a)?, number(b)?) {
            // XML-RPC has no word for infinity, and a fault says more than one.
            (_, 0.0) => Err(Fault::new(WRONG_PARAMS, "a division by zero has no result")),
            (a, b) => Ok(Value::Double(a / b)),
        },
        ("echo", [value]) => Ok(value.clone()),
        ("wait", [seconds]) => match number(seconds)? {
            // Only this thread sleeps; the others go on.
            seconds if (0.0..=LONGEST_WAIT).contains(&seconds) => {
                thread::sleep(Duration::from_secs_f64(seconds));
                Ok(Value::Boolean(true))
            }
            _ => Err(Fault::new(WRONG_PARAMS, format!("wait takes 0 to {LONGEST_WAIT} seconds"))),
        },
        ("system.listMethods", []) => {
            Ok(Value::Array(NAMES.iter().map(|name| Value::Text((*name).to_owned())).collect()))
        }
        ("system.multicall", [Value::Array(calls)]) => Ok(Value::Array(calls.iter().map(one_of_many).collect())),
        (name, _) if NAMES.contains(&name) => {
            Err(Fault::new(WRONG_PARAMS, format!("{name} takes other parameters than these")))
        }
        (name, _) => Err(Fault::new(NO_SUCH_METHOD, format!("there is no function {name:?}"))),
    }
}

/// One call of a multicall, and what stands for it in the list of results: a list of one for a value, a struct for a
/// fault. The list of one is there so that a struct that is a *value* cannot be taken for a fault.
fn one_of_many(entry: &Value) -> Value {
    let call = match (entry.member("methodName"), entry.member("params")) {
        // A multicall in a multicall in a multicall … would be little to send and much to do.
        (Some(Value::Text(method)), _) if method == "system.multicall" => {
            Err(Fault::new(NO_CALL, "system.multicall cannot be called by itself"))
        }
        (Some(Value::Text(method)), Some(Value::Array(params))) => {
            Ok(Call { method: method.clone(), params: params.clone() })
        }
        _ => Err(Fault::new(NO_CALL, "a call in a multicall is a struct with methodName and params")),
    };
    // A fault takes its place in the list, and the next call is carried out all the same.
    match call.and_then(|call| dispatch(&call)) {
        Ok(value) => Value::Array(vec![value]),
        Err(fault) => fault.as_value(),
    }
}

fn number(value: &Value) -> Result<f64, Fault> {
    match value {
        Value::Int(number) => Ok(f64::from(*number)),
        Value::Double(number) => Ok(*number),
        _ => Err(Fault::new(WRONG_PARAMS, "a number is needed here")),
    }
}

/// Two whole numbers give a whole number, anything else a double.
fn arithmetic(
    a: &Value,
    b: &Value,
    whole: fn(i32, i32) -> Option<i32>,
    real: fn(f64, f64) -> f64,
) -> Result<Value, Fault> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => whole(*a, *b)
            .map(Value::Int)
            .ok_or_else(|| Fault::new(WRONG_PARAMS, "the result does not fit into 32 bits")),
        _ => Ok(Value::Double(real(number(a)?, number(b)?))),
    }
}
