//! `harness schema`.

use schemars::schema_for;
use serde_json::{Value, json};

use super::arguments::{Schema, SchemaKind};
use super::{Exit, term};

/// Prints a JSON Schema.
pub fn run(arguments: &Schema) -> Exit {
    let schema = match arguments.kind {
        SchemaKind::Scenario => schema_for!(harness_language::scenario::model::ScenarioFile),
        SchemaKind::Opening => schema_for!(harness_language::scenario::model::OpeningFile),
        SchemaKind::Task => schema_for!(harness_language::catalogue::model::TaskFile),
        SchemaKind::Submission => crate::submission::manifest::schema(),
        SchemaKind::Rubric => crate::grade::rubric_schema(),
        SchemaKind::Report => crate::report::json::schema(),
        SchemaKind::Interop => schema_for!(crate::interop::matrix::Interop),
    };
    let mut schema = schema.to_value();
    if matches!(arguments.kind, SchemaKind::Scenario | SchemaKind::Opening) {
        take_parameters(&mut schema);
        if let Some(kinds) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
            kinds.insert(PARAMETER.to_owned(), parameter());
        }
    }
    match serde_json::to_string_pretty(&schema) {
        Ok(text) => {
            term::print(&format!("{text}\n"));
            Exit::Passed
        }
        Err(error) => {
            term::say(&format!("harness: {error}"));
            Exit::Harness
        }
    }
}

/// Name of the schema of what stands for a value.
const PARAMETER: &str = "Parameter";

fn parameter() -> Value {
    json!({
        "description": "A value of the table (`rows`, `count`), of the opening's caller (`with`), or of task.toml.",
        "type": "string",
        "pattern": "^\\$[a-z][a-z0-9-]*$",
    })
}

/// Wherever a scenario has a value, it may have `"$name"` instead: what is read is the file with names filled in.
fn take_parameters(schema: &mut Value) {
    match schema {
        Value::Array(all) => all.iter_mut().for_each(take_parameters),
        Value::Object(keys) => {
            for (key, inner) in keys.iter_mut() {
                take_parameters(inner);
                match (key.as_str(), inner) {
                    ("properties", Value::Object(values)) => values.values_mut().for_each(or_parameter),
                    ("items" | "additionalProperties", value @ Value::Object(_)) => or_parameter(value),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn or_parameter(value: &mut Value) {
    // Words may be anything already.
    if value.get("type").is_some_and(|kind| kind == "string") && value.get("enum").is_none() {
        return;
    }
    let Value::Object(keys) = value else { return };
    let description = keys.remove("description");
    let own = Value::Object(std::mem::take(keys));
    keys.extend(description.map(|text| ("description".to_owned(), text)));
    let reference = json!({ "$ref": format!("#/$defs/{PARAMETER}") });
    keys.insert("anyOf".to_owned(), Value::Array(vec![own, reference]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_a_parameter_and_words_are_let_be() {
        let mut schema = json!({ "properties": {
            "seed": { "description": "The seed.", "type": "integer" },
            "title": { "type": "string" },
            "all": { "items": { "$ref": "#/$defs/Payload" } },
        } });
        take_parameters(&mut schema);
        let stands_for = json!({ "$ref": "#/$defs/Parameter" });
        let seed = json!({ "description": "The seed.", "anyOf": [{ "type": "integer" }, stands_for] });
        assert_eq!(schema["properties"]["seed"], seed);
        assert_eq!(schema["properties"]["title"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["all"]["anyOf"][0]["items"]["anyOf"][1], stands_for);
    }
}
