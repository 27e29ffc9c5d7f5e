//! How Proxmox's own programs read their arguments and complain: `PVE::CLIHandler` and `PVE::JSONSchema::get_options`.

use serde_json::{Map, Value, json};

use super::died::died;
use super::{Host, Io, Run};
use crate::error::ApiError;
use crate::route::Method;
use crate::schema::{Kind, Params, Prop, Schema};

/// A program: its commands, in the groups its usage shows.
pub(super) struct Cli {
    pub(super) name: &'static str,
    pub(super) groups: Vec<Vec<Entry>>,
}

pub(super) struct Entry {
    pub(super) words: &'static [&'static str],
    /// What its usage says after the words.
    pub(super) usage: &'static str,
    /// The parameters that are given by place.
    pub(super) fixed: &'static [&'static str],
    /// A parameter that it always has.
    pub(super) preset: Option<(&'static str, &'static str)>,
    pub(super) action: Action,
}

/// What a command does.
pub(super) enum Action {
    /// It is a call of the API; what is printed of the answer.
    Api(Method, &'static str, Print),
    /// It does something itself.
    Own(Schema, OwnAction),
}

/// What is done with an answer of the API; the text is the output format asked for.
pub(super) type Print = fn(&mut Host<'_>, &mut Io, &Value, &str) -> i32;

/// A command of its own.
pub(super) type OwnAction = fn(&mut Host<'_>, &mut Io, &Params) -> Run<Result<i32, String>>;

/// Nothing is printed.
pub(super) fn quiet(_: &mut Host<'_>, _: &mut Io, _: &Value, _: &str) -> i32 {
    0
}

impl Entry {
    pub(super) fn api(
        words: &'static [&'static str],
        usage: &'static str,
        fixed: &'static [&'static str],
        method: Method,
        path: &'static str,
    ) -> Self {
        Self { words, usage, fixed, preset: None, action: Action::Api(method, path, quiet) }
    }

    pub(super) fn preset(self, name: &'static str, value: &'static str) -> Self {
        Self { preset: Some((name, value)), ..self }
    }

    pub(super) fn printed(self, print: Print) -> Self {
        let action = match self.action {
            Action::Api(method, path, _) => Action::Api(method, path, print),
            own @ Action::Own(..) => own,
        };
        Self { action, ..self }
    }

    pub(super) fn own(
        words: &'static [&'static str],
        usage: &'static str,
        fixed: &'static [&'static str],
        schema: Schema,
        action: OwnAction,
    ) -> Self {
        Self { words, usage, fixed, preset: None, action: Action::Own(schema, action) }
    }
}

impl Cli {
    /// Runs a command line.
    pub(super) fn run(&self, host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
        if !host.is_root() {
            io.err.push_str("please run as root\n");
            return Ok(255);
        }
        let mut candidates: Vec<&Entry> = self.groups.iter().flatten().collect();
        let mut said = self.name.to_owned();
        if arguments.first().is_some_and(|word| word == "help") {
            io.out.push_str(&self.usage());
            return Ok(0);
        }
        for (depth, word) in arguments.iter().enumerate() {
            let found = narrow(&candidates, depth, word);
            let name = found.first().and_then(|entry| entry.words.get(depth)).map_or(word.as_str(), |name| name);
            said.push_str(&format!(" {name}"));
            match found.as_slice() {
                [] => {
                    io.err.push_str(&format!("ERROR: unknown command '{said}'\n{}", self.usage()));
                    return Ok(255);
                }
                [entry] if entry.words.len() == depth + 1 => {
                    return self.start(host, io, entry, &arguments[depth + 1..]);
                }
                _ => candidates = found,
            }
        }
        if arguments.is_empty() {
            io.err.push_str(&format!("ERROR: no command specified\n{}", self.usage()));
            return Ok(255);
        }
        io.err.push_str(&format!("ERROR: incomplete command '{said}'\n{}\n", self.head()));
        for entry in candidates {
            io.err.push_str(&format!("       {}", self.usage_of(entry)));
        }
        Ok(255)
    }

    fn head(&self) -> String {
        format!("USAGE: {} <COMMAND> [ARGS] [OPTIONS]\n", self.name)
    }

    fn usage(&self) -> String {
        let mut text = self.head();
        for group in &self.groups {
            text.push('\n');
            for entry in group {
                text.push_str(&format!("       {}", self.usage_of(entry)));
            }
        }
        text + &format!("\n       {} help [<extra-args>] [OPTIONS]\n", self.name)
    }

    fn usage_of(&self, entry: &Entry) -> String {
        format!("{} {} {}\n", self.name, entry.words.join(" "), entry.usage)
    }

    fn start(&self, host: &mut Host<'_>, io: &mut Io, entry: &Entry, arguments: &[String]) -> Run {
        let refuse = |io: &mut Io, text: &str| {
            io.err.push_str(text);
            io.err.push_str(&self.usage_of(entry));
            Ok(255)
        };
        let cluster = host.cluster;
        let found = match &entry.action {
            Action::Api(method, path, _) => cluster.router(host.world).find(*method, path),
            Action::Own(..) => None,
        };
        let schema = match &entry.action {
            Action::Own(schema, _) => schema,
            Action::Api(..) => match &found {
                Some((route, _)) => &route.params,
                None => return refuse(io, "501 not implemented\n"),
            },
        };
        let (mut given, format) = match read(arguments, schema, entry.fixed, io) {
            Ok(read) => read,
            Err(text) => return refuse(io, &text),
        };
        given.entry("node").or_insert_with(|| json!(host.machine));
        if schema.find("node").is_none() {
            given.shift_remove("node");
        }
        if let Some((name, value)) = entry.preset {
            given.insert(name.to_owned(), json!(value));
        }
        let outcome = match &entry.action {
            Action::Own(schema, action) => match schema.verify(given) {
                Ok(params) => match action(host, io, &params)? {
                    Ok(code) => return Ok(code),
                    Err(text) => Err(ApiError::die(text)),
                },
                Err(error) => Err(error),
            },
            Action::Api(_, _, print) => match found {
                Some((route, _)) => match cluster.run_route(host.world, route, given) {
                    Ok(reply) => return Ok(print(host, io, &reply.data, &format)),
                    Err(error) => Err(error),
                },
                None => Ok(()),
            },
        };
        match outcome {
            Err(error) if !error.errors.is_empty() => refuse(io, &error.stringified()),
            Err(error) => Ok(died(host, io, &error)),
            Ok(()) => Ok(0),
        }
    }
}

/// The commands that a word names: exactly, or as the beginning of one name only.
fn narrow<'e>(candidates: &[&'e Entry], depth: usize, word: &str) -> Vec<&'e Entry> {
    let by = |fits: &dyn Fn(&str) -> bool| -> Vec<&'e Entry> {
        candidates.iter().copied().filter(|entry| entry.words.get(depth).is_some_and(|name| fits(name))).collect()
    };
    let exact = by(&|name| name == word);
    if !exact.is_empty() {
        return exact;
    }
    let begun = by(&|name| name.starts_with(word));
    let first = begun.first().and_then(|entry| entry.words.get(depth)).copied();
    let is_one = begun.iter().all(|entry| entry.words.get(depth).copied() == first);
    if is_one { begun } else { Vec::new() }
}

type Given = (Map<String, Value>, String);

/// Options anywhere, the rest by place.
fn read(arguments: &[String], schema: &Schema, fixed: &[&str], io: &mut Io) -> Result<Given, String> {
    let mut given = Map::new();
    let mut format = "text".to_owned();
    let mut rest = Vec::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|rest| !rest.is_empty())
        else {
            rest.push(word.clone());
            continue;
        };
        let (name, mut value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        let Some(name) = full_name(schema, name) else {
            io.err.push_str(&format!("Unknown option: {name}\n"));
            return Err("400 unable to parse option\n".to_owned());
        };
        let prop = schema.find(name);
        let is_flag = prop.map_or(name != "output-format", |prop| matches!(prop.kind, Kind::Boolean));
        // A flag takes the next word as well, unless it is an option.
        if value.is_none() && (!is_flag || words.peek().is_some_and(|next| !next.starts_with('-'))) {
            value = words.next().cloned();
        }
        let value = match value {
            Some(value) if is_flag => boolean(&value).ok_or("400 unable to parse boolean option\n")?,
            Some(value) => value,
            None if is_flag => "1".to_owned(),
            None => {
                io.err.push_str(&format!("Option {name} requires an argument\n"));
                return Err("400 unable to parse option\n".to_owned());
            }
        };
        if name == "output-format" {
            format = value;
        } else if prop.is_some() {
            given.insert(name.to_owned(), json!(value));
        }
    }
    let mut rest = rest.into_iter();
    for name in fixed {
        let value = rest.next().ok_or("400 not enough arguments\n")?;
        given.insert((*name).to_owned(), json!(value));
    }
    if rest.next().is_some() {
        return Err("400 too many arguments\n".to_owned());
    }
    Ok((given, format))
}

/// The options that only say how the answer is printed.
const FORMAT_OPTIONS: [&str; 5] = ["output-format", "noborder", "human-readable", "noheader", "quiet"];

/// The option that a name or the beginning of one means.
fn full_name<'s>(schema: &'s Schema, given: &str) -> Option<&'s str> {
    let typed = schema.variants.iter().flat_map(|v| v.cases.iter().flat_map(|(_, props)| props));
    let mut names: Vec<&str> = schema.props.iter().chain(typed).map(|(name, _)| *name).chain(FORMAT_OPTIONS).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(exact) = names.iter().find(|name| **name == given) {
        return Some(exact);
    }
    let begun: Vec<&str> = names.into_iter().filter(|name| name.starts_with(given)).collect();
    if let [one] = begun.as_slice() { Some(one) } else { None }
}

fn boolean(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some("1".to_owned()),
        "0" | "off" | "no" | "false" => Some("0".to_owned()),
        _ => None,
    }
}

/// A parameter that any text will do for.
pub(super) fn text() -> Prop {
    Prop::string()
}
