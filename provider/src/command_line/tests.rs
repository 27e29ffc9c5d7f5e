//! The command line of the real registry, and the mapping of every type of argument.

use clap::Command;
use pve_schemas_macros::tf_block;
use schemars::JsonSchema;

use super::*;
use crate::framework::{Diagnostic, Path, Role, Schema, Severity, Value};
use crate::registry;

#[test]
fn every_operation_has_one_command_and_every_command_an_operation() {
    let offer = registry::command_line();
    let actions = offer.provider.actions().map(|(name, _)| name);
    let mut operations: Vec<_> = actions.chain(offer.procedures.iter().map(|procedure| procedure.name())).collect();
    let mut commands: Vec<_> = COMMANDS.iter().map(|entry| entry.operation).collect();
    operations.sort_unstable();
    commands.sort_unstable();
    assert_eq!(commands, operations);
}

#[test]
fn the_whole_command_line_is_sound_and_its_examples_are_valid() {
    let offer = registry::command_line();
    program(&offer).debug_assert();
    for entry in COMMANDS {
        let line = entry.example_line();
        let matches = program(&offer)
            .try_get_matches_from(shlex::split(&line).unwrap())
            .unwrap_or_else(|e| panic!("{line}: {e}"));
        let mut given = matches.subcommand_matches(DO).unwrap();
        for word in entry.words {
            given = given.subcommand_matches(word).unwrap();
        }
        let operation = offer.operation(entry.operation).unwrap();
        let config = arguments::config(&operation.schema().block, given);
        assert!(operation.validate_config(&config).is_empty(), "{line}");
    }
}

#[test]
fn the_help_of_every_command_has_a_purpose_an_example_and_the_exit_codes() {
    let offer = registry::command_line();
    for entry in COMMANDS {
        let mut words = vec![PROGRAM, DO];
        words.extend(entry.words);
        words.push("--help");
        let help = program(&offer).try_get_matches_from(words).unwrap_err().to_string();
        for part in [&entry.example_line(), "Exit codes:", "--dry-run", "--json", "--timeout", "--ssh-node"] {
            assert!(help.contains(part), "{}: no {part}\n{help}", entry.name());
        }
        assert!(!help.contains("\\_"), "{help}");
    }
}

/// One argument of each type.
#[tf_block]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Each {
    /// A text.
    #[tf(required)]
    node: String,
    /// Another one.
    #[tf(required)]
    target_node: String,
    /// A truth.
    #[tf(default = true)]
    with_disks: Option<bool>,
    /// A number.
    #[schemars(range(min = 1))]
    max_workers: Option<i64>,
    /// A set.
    leave: Option<std::collections::BTreeSet<String>>,
    /// A list.
    order: Option<Vec<i64>>,
    /// A map.
    labels: Option<std::collections::BTreeMap<String, String>>,
    /// A word.
    mode: Option<Mode>,
    /// A time.
    #[schemars(extend("format" = "timeout"))]
    timeout: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
#[schemars(rename_all = "lowercase")]
enum Mode {
    Freeze,
    Ignore,
}

fn parse(arguments: &[&str]) -> Result<Value, String> {
    let block = Schema::of::<Each>(Role::Action).block;
    let command = Command::new("each").args(arguments::of(&block));
    let matches = command.try_get_matches_from([&["each"], arguments].concat()).map_err(|error| error.to_string())?;
    Ok(arguments::config(&block, &matches))
}

fn object(more: &[(&str, Value)]) -> Value {
    let block = Schema::of::<Each>(Role::Action).block;
    let mut object = Value::object(block.attributes.iter().map(|a| (a.name.clone(), Value::Null)));
    object.insert("node", Value::from("a"));
    object.insert("target_node", Value::from("b"));
    for (name, value) in more {
        object.insert(*name, value.clone());
    }
    object
}

#[test]
fn required_attributes_are_positional_and_the_others_are_options() {
    assert_eq!(parse(&["a", "b"]), Ok(object(&[])));
    let given = [
        "--with-disks",
        "a",
        "--max-workers=3",
        "--leave",
        "vm:2",
        "b",
        "--leave=vm:1",
        "--order",
        "2",
        "--order",
        "1",
        "--labels",
        "k=v=w",
        "--mode",
        "ignore",
        "--timeout",
        "5m",
    ];
    let expected = object(&[
        ("with_disks", Value::Bool(true)),
        ("max_workers", 3.into()),
        ("leave", Value::set(["vm:1", "vm:2"].map(Value::from))),
        ("order", Value::List(vec![2.into(), 1.into()])),
        ("labels", Value::object([("k", Value::from("v=w"))])),
        ("mode", Value::from("ignore")),
        ("timeout", Value::from("5m")),
    ]);
    assert_eq!(parse(&given), Ok(expected));
    assert_eq!(parse(&["a", "b", "--with-disks=false"]), Ok(object(&[("with_disks", Value::Bool(false))])));
}

#[test]
fn what_is_no_argument_is_refused() {
    for (arguments, problem) in [
        (&["a"][..], "<TARGET_NODE>"),
        (&["a", "b", "c"], "unexpected argument 'c'"),
        (&["a", "b", "--max-workers", "many"], "it is not a number"),
        (&["a", "b", "--labels", "k"], "it has to be KEY=VALUE"),
        (&["a", "b", "--mode", "freez"], "a similar value exists: 'freeze'"),
        (&["a", "b", "--with-disks=maybe"], "invalid value 'maybe'"),
        (&["a", "b", "--timeout", "1s", "--timeout", "2s"], "cannot be used multiple times"),
    ] {
        let said = parse(arguments).unwrap_err();
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
}

#[test]
fn a_diagnostic_names_the_argument() {
    let block = Schema::of::<Each>(Role::Action).block;
    let renamed = |path: &str, summary: &str, detail: &str| {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            summary: summary.to_owned(),
            detail: detail.to_owned(),
            path: Some(Path::attribute(path)),
        };
        let one = arguments::renamed(&block, diagnostic);
        (one.summary, one.detail)
    };
    let pair = |summary: &str, detail: &str| (summary.to_owned(), detail.to_owned());
    assert_eq!(
        renamed("max_workers", "Invalid value for max_workers", "max_workers = 0: must be at least 1"),
        pair("Invalid value for --max-workers", "--max-workers = 0: must be at least 1")
    );
    assert_eq!(renamed("node", "Invalid value for node", "node = x"), pair("Invalid value for NODE", "NODE = x"));
    // The name of an object is none of an argument.
    assert_eq!(renamed("node", "It is refused", "nodeless: no."), pair("It is refused", "nodeless: no."));
    assert_eq!(renamed("endpoint", "No endpoint", "endpoint"), pair("No endpoint", "endpoint"));
}
