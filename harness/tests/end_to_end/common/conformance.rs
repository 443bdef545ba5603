//! A small JSON Schema validator: the keywords that the published schemas of results use, no more.
//! A keyword that it does not know is an error, so that it never passes what it did not check.

use serde_json::Value;

/// Keywords that describe and do not restrict.
const REMARKS: [&str; 6] = ["$schema", "$defs", "title", "description", "default", "format"];

/// What is wrong with a value, one line each, with the place.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    visit(schema, schema, value, "$", &mut found);
    found
}

fn visit(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Object(keywords) => keywords,
        _ => return found.push(format!("{at}: nothing is allowed here")),
    };
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let pointer = wanted.as_str().and_then(|text| text.strip_prefix('#')).expect("a local reference");
                let target = root.pointer(pointer).expect("a reference to something");
                visit(root, target, value, at, found);
            }
            "type" => {
                let names: Vec<&str> = match wanted {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    name => name.as_str().into_iter().collect(),
                };
                if !names.iter().any(|name| is(name, value)) {
                    found.push(format!("{at}: {value} is no {}", names.join(" or ")));
                }
            }
            "required" => {
                for key in wanted.as_array().expect("a list of keys").iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(key).is_none() {
                        found.push(format!("{at}: `{key}` is missing"));
                    }
                }
            }
            "properties" => {
                for (key, schema) in wanted.as_object().expect("schemas by key") {
                    if let Some(value) = value.get(key) {
                        visit(root, schema, value, &format!("{at}.{key}"), found);
                    }
                }
                // The keys are a contract: one that the schema does not know is a mistake.
                for key in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if wanted.get(key).is_none() {
                        found.push(format!("{at}: the schema does not know `{key}`"));
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    visit(root, wanted, value, &format!("{at}[{index}]"), found);
                }
            }
            "const" if value != wanted => found.push(format!("{at}: {value} is not {wanted}")),
            "enum" if !wanted.as_array().expect("a list").contains(value) => {
                found.push(format!("{at}: {value} is none of {wanted}"));
            }
            "anyOf" | "oneOf" => {
                let fits = |schema: &Value| {
                    let mut inner = Vec::new();
                    visit(root, schema, value, at, &mut inner);
                    inner.is_empty()
                };
                let count = wanted.as_array().expect("a list").iter().filter(|schema| fits(schema)).count();
                if count == 0 || (keyword == "oneOf" && count > 1) {
                    found.push(format!("{at}: {value} fits {count} of the alternatives"));
                }
            }
            "minimum" => {
                if value.as_f64().zip(wanted.as_f64()).is_some_and(|(value, least)| value < least) {
                    found.push(format!("{at}: {value} is less than {wanted}"));
                }
            }
            "minItems" | "maxItems" => {
                let length = value.as_array().map(|list| list.len() as u64);
                let fits =
                    |(length, limit): (u64, u64)| if keyword == "minItems" { length >= limit } else { length <= limit };
                if length.zip(wanted.as_u64()).is_some_and(|both| !fits(both)) {
                    found.push(format!("{at}: not as many items as {keyword} says, {wanted}"));
                }
            }
            "additionalProperties" if wanted == &Value::Bool(false) => {}
            "const" | "enum" => {}
            other if REMARKS.contains(&other) => {}
            other => found.push(format!("{at}: this validator does not know the keyword `{other}`")),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
