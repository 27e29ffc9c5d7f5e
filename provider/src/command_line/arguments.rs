//! The arguments of a command from the schema of its operation, and back: required attributes are positional, in their
//! order; the others are options.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use super::explained;
use crate::framework::{Attribute, Block, Diagnostic, Number, Path, Step, Type, Value, enumeration};

/// The arguments of a schema.
pub(super) fn of(block: &Block) -> impl Iterator<Item = Arg> {
    assert!(block.blocks.is_empty(), "a command line has no nested blocks");
    block.attributes.iter().map(|attribute| argument(attribute, block))
}

fn argument(attribute: &Attribute, block: &Block) -> Arg {
    let is_many = matches!(attribute.ty, Type::List(_) | Type::Set(_) | Type::Map(_));
    let mut help = explained::text(&attribute.description, block);
    if is_many {
        help += " Repeatable.";
    }
    if let Some(default) = &attribute.default {
        help += &format!(" [default: {}]", default.to_json());
    }
    let argument = Arg::new(attribute.name.clone()).help(help).value_name(value_name(attribute));
    let argument = match element(&attribute.ty) {
        // With a space a flag would take the positional argument that follows it.
        Type::Bool => argument
            .value_parser(value_parser!(bool))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true),
        Type::Number => argument.value_parser(number),
        Type::Map(_) => argument.value_parser(pair),
        _ => match enumeration(&attribute.constraints) {
            Some(words) => argument.value_parser(PossibleValuesParser::new(words)),
            None => argument,
        },
    };
    let argument = argument.action(if is_many { ArgAction::Append } else { ArgAction::Set });
    if attribute.required { argument.required(true) } else { argument.long(option(attribute)) }
}

/// The element of a list or set; the type itself otherwise.
fn element(ty: &Type) -> &Type {
    match ty {
        Type::List(element) | Type::Set(element) => element,
        ty => ty,
    }
}

fn option(attribute: &Attribute) -> String {
    attribute.name.replace('_', "-")
}

fn value_name(attribute: &Attribute) -> String {
    match element(&attribute.ty) {
        _ if attribute.required => attribute.name.to_uppercase(),
        Type::Bool => "true|false".to_owned(),
        Type::Number => "NUMBER".to_owned(),
        Type::Map(_) => "KEY=VALUE".to_owned(),
        _ => {
            let constraints = &attribute.constraints;
            let format = constraints["format"].as_str().or_else(|| constraints["items"]["format"].as_str());
            match format {
                Some("timeout") => "DURATION".to_owned(),
                Some("pve-ha-sid") => "vm:ID|ct:ID".to_owned(),
                Some("pve-node") => "NODE".to_owned(),
                _ => attribute.name.to_uppercase(),
            }
        }
    }
}

fn number(text: &str) -> Result<Number, &'static str> {
    text.parse().map_err(|_| "it is not a number")
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it has to be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What was typed, as the configuration of the operation.
pub(super) fn config(block: &Block, given: &ArgMatches) -> Value {
    Value::object(block.attributes.iter().map(|attribute| (attribute.name.clone(), value(attribute, given))))
}

fn value(attribute: &Attribute, given: &ArgMatches) -> Value {
    let name = attribute.name.as_str();
    if let Type::Map(_) = attribute.ty {
        let pairs = given.get_many::<(String, String)>(name);
        return pairs.map_or(Value::Null, |pairs| {
            Value::object(pairs.map(|(key, value)| (key.clone(), Value::from(value.as_str()))))
        });
    }
    let values: Option<Vec<Value>> = match element(&attribute.ty) {
        Type::Bool => given.get_many::<bool>(name).map(|values| values.copied().map(Value::Bool).collect()),
        Type::Number => given.get_many::<Number>(name).map(|values| values.cloned().map(Value::Number).collect()),
        _ => given.get_many::<String>(name).map(|values| values.map(|text| Value::from(text.as_str())).collect()),
    };
    match (&attribute.ty, values) {
        (_, None) => Value::Null,
        (Type::List(_), Some(values)) => Value::List(values),
        (Type::Set(_), Some(values)) => Value::set(values),
        (_, Some(values)) => values.into_iter().next().unwrap_or_default(),
    }
}

/// What the attribute at `path` is called on the command line.
pub(super) fn name(block: &Block, path: &Path) -> Option<String> {
    let Some(Step::Attribute(name)) = path.steps().first() else { return None };
    let attribute = block.attribute(name)?;
    Some(if attribute.required { name.to_uppercase() } else { format!("--{}", option(attribute)) })
}

/// A message with the argument in place of the attribute that it begins or ends with.
pub(super) fn renamed(block: &Block, diagnostic: Diagnostic) -> Diagnostic {
    let Some((path, name)) = diagnostic.path.as_ref().and_then(|path| Some((path.to_string(), name(block, path)?)))
    else {
        return diagnostic;
    };
    let attribute = path.split(['[', '.']).next().unwrap_or_default();
    let summary = match diagnostic.summary.strip_suffix(attribute) {
        Some(start) if start.ends_with(' ') => format!("{start}{name}"),
        _ => diagnostic.summary.clone(),
    };
    let detail = match diagnostic.detail.strip_prefix(attribute) {
        Some(end) if end.starts_with([' ', ':', '[', '.']) => format!("{name}{end}"),
        _ => diagnostic.detail.clone(),
    };
    Diagnostic { summary, detail, ..diagnostic }
}
