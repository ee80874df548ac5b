//! What JSON looks like, compared with what a test expects of it.

use serde_json::Value;

use crate::harness::{Node, with_options};

/// Insists that a value has a shape.
///
/// A shape is JSON too. The words `string`, `number`, `bool`, `array`, `object`, `null` and `any` stand for anything
/// of that kind; `a|b` for either; another text, a number or a boolean for itself. An object's members must all be
/// there unless their name ends in `?`; it may have others. An array of one shape has one or more such elements.
#[track_caller]
pub(crate) fn check_shape(value: &Value, shape: &Value) {
    if let Err(why) = compare(value, shape, "") {
        panic!("{why}\nvalue: {value}\nshape: {shape}");
    }
}

/// Runs a command on a node with `--json`: exit code, and the shape of the last line.
#[track_caller]
pub(crate) fn check(node: &Node, args: &[&str], code: i32, shape: Value) -> Value {
    let value = node.run(&with_options(args, &["--json"])).exits(code).json();
    check_shape(&value, &shape);
    value
}

fn compare(value: &Value, shape: &Value, at: &str) -> Result<(), String> {
    match (shape, value) {
        (Value::String(words), _) => {
            if words.split('|').any(|word| is(value, word)) {
                Ok(())
            } else {
                Err(format!("`{at}` is {value}, expected {words}"))
            }
        }
        (Value::Object(members), Value::Object(given)) => members.iter().try_for_each(|(name, shape)| {
            let (name, optional) = name.strip_suffix('?').map_or((name.as_str(), false), |name| (name, true));
            match given.get(name) {
                Some(value) => compare(value, shape, &format!("{at}/{name}")),
                None if optional => Ok(()),
                None => Err(format!("`{at}/{name}` is missing")),
            }
        }),
        (Value::Array(shapes), Value::Array(given)) => match shapes.as_slice() {
            [] if given.is_empty() => Ok(()),
            [shape] if !given.is_empty() => given
                .iter()
                .enumerate()
                .try_for_each(|(i, value)| compare(value, shape, &format!("{at}/{i}"))),
            _ => Err(format!("`{at}` has {} elements", given.len())),
        },
        _ if shape == value => Ok(()),
        _ => Err(format!("`{at}` is {value}, expected {shape}")),
    }
}

fn is(value: &Value, word: &str) -> bool {
    match word {
        "any" => true,
        "string" => value.is_string(),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        text => value.as_str() == Some(text),
    }
}

#[test]
fn shapes() {
    use serde_json::json;
    let value = json!({"a": 1, "b": [{"c": "x"}], "d": null});
    let check = |shape: Value, expect: bool| {
        assert_eq!(compare(&value, &shape, "").is_ok(), expect, "{shape}");
    };
    check(json!({"a": "number", "b": [{"c": "string"}], "d": "string|null", "e?": "bool"}), true);
    check(json!({"a": 1, "b": [{"c": "x|y"}]}), true);
    check(json!({"a": "string"}), false);
    check(json!({"e": "any"}), false);
    check(json!({"b": []}), false);
    check(json!({"b": [{"c": "y"}]}), false);
}
