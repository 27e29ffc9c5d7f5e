//! The shell itself: runs what [`super::syntax`] has read.

use std::collections::BTreeMap;

use super::expand::matches_pattern;
use super::syntax::{AndOr, Body, Command, List, Pipeline, Redirect, RedirectKind, parse};
use super::{Host, Io, Stop};

/// How a part of a script ends.
pub(super) type Run<T = i32> = Result<T, Stop>;

/// Loops that don't end are cut off here; a real node would run for ever.
const MAX_ROUNDS: usize = 1000;

/// Which shell it is; they differ in how they complain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// What sshd runs.
    Bash,
    /// `/bin/sh`
    Dash,
}

/// A running shell.
pub(super) struct Shell<'h, 'w> {
    pub(super) host: &'h mut Host<'w>,
    pub(super) flavour: Flavour,
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) status: i32,
    exit_on_error: bool,
}

impl<'h, 'w> Shell<'h, 'w> {
    pub(super) fn new(host: &'h mut Host<'w>, flavour: Flavour, name: &str, arguments: Vec<String>) -> Self {
        let name = name.to_owned();
        Self { host, flavour, name, arguments, variables: BTreeMap::new(), status: 0, exit_on_error: false }
    }

    /// Runs a script to its end.
    pub(super) fn script(&mut self, script: &str, io: &mut Io) -> Run {
        match parse(script) {
            Ok(list) => match self.list(&list, io) {
                Err(Stop::Exit(code)) => Ok(code),
                other => other,
            },
            Err(what) => {
                let line = format!("{}Syntax error: {what}\n", self.prefix());
                io.err.push_str(&line);
                Ok(2)
            }
        }
    }

    /// What complaints begin with.
    pub(super) fn prefix(&self) -> String {
        match self.flavour {
            Flavour::Bash => format!("{}: line 1: ", self.name),
            Flavour::Dash => format!("{}: 1: ", self.name),
        }
    }

    /// A list in a process of its own: what it changes of the shell is gone afterwards.
    pub(super) fn subshell(&mut self, list: &List, io: &mut Io) -> Run {
        let variables = self.variables.clone();
        let arguments = self.arguments.clone();
        let exit_on_error = self.exit_on_error;
        let outcome = self.list(list, io);
        self.variables = variables;
        self.arguments = arguments;
        self.exit_on_error = exit_on_error;
        match outcome {
            Err(Stop::Exit(code)) => Ok(code),
            other => other,
        }
    }

    fn list(&mut self, list: &List, io: &mut Io) -> Run {
        for and_or in &list.0 {
            self.status = self.and_or(and_or, io)?;
        }
        Ok(self.status)
    }

    fn and_or(&mut self, and_or: &AndOr, io: &mut Io) -> Run {
        let mut status = self.pipeline(&and_or.first, io)?;
        self.status = status;
        let mut last = true;
        for (i, (and, pipeline)) in and_or.rest.iter().enumerate() {
            let runs = (status == 0) == *and;
            if runs {
                status = self.pipeline(pipeline, io)?;
                self.status = status;
            }
            last = runs && i + 1 == and_or.rest.len();
        }
        let negated = and_or.rest.last().map_or(and_or.first.negated, |(_, pipeline)| pipeline.negated);
        if self.exit_on_error && status != 0 && last && !negated {
            return Err(Stop::Exit(status));
        }
        Ok(status)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, io: &mut Io) -> Run {
        let mut status = 0;
        let Some((last, before)) = pipeline.commands.split_last() else { return Ok(0) };
        let mut input = std::mem::take(&mut io.stdin);
        for command in before {
            let mut inner = Io { stdin: input, ..Io::default() };
            self.command(command, &mut inner)?;
            io.err.push_str(&inner.err);
            input = inner.out;
        }
        let mut inner = Io { stdin: input, out: std::mem::take(&mut io.out), err: std::mem::take(&mut io.err) };
        let outcome = self.command(last, &mut inner);
        *io = inner;
        status += outcome?;
        Ok(if pipeline.negated { i32::from(status == 0) } else { status })
    }

    fn command(&mut self, command: &Command, io: &mut Io) -> Run {
        if command.redirects.is_empty() {
            return self.body(&command.body, io);
        }
        let mut plan = Plan::default();
        let mut inner = Io { stdin: std::mem::take(&mut io.stdin), ..Io::default() };
        for redirect in &command.redirects {
            if let Err(why) = self.redirect(redirect, &mut plan, &mut inner, io)? {
                io.err.push_str(&why);
                // A redirection that fails is the command's failure; dash ends with 2, bash with 1.
                return Ok(if self.flavour == Flavour::Dash { 2 } else { 1 });
            }
        }
        let outcome = self.body(&command.body, &mut inner);
        // Descriptors that were not redirected still lead to where they did.
        io.stdin = if plan.reads { std::mem::take(&mut io.stdin) } else { std::mem::take(&mut inner.stdin) };
        let (out, err) = (std::mem::take(&mut inner.out), std::mem::take(&mut inner.err));
        for (text, target) in [(out, plan.out.clone()), (err, plan.err.clone())] {
            match target {
                Target::Stdout => io.out.push_str(&text),
                Target::Stderr => io.err.push_str(&text),
                Target::Null => {}
                Target::File(path) => {
                    if !text.is_empty()
                        && let Err(why) = self.host.append(&path, &text)
                    {
                        io.err.push_str(&format!("{}: write error: {why}\n", self.name));
                        outcome?;
                        return Ok(1);
                    }
                }
            }
        }
        outcome
    }

    /// Opens what a redirection names. The inner result is the complaint.
    fn redirect(
        &mut self,
        redirect: &Redirect,
        plan: &mut Plan,
        inner: &mut Io,
        io: &mut Io,
    ) -> Run<Result<(), String>> {
        let target = self.text(&redirect.target, io)?;
        let slot = |plan: &mut Plan, target: Target| match redirect.fd {
            1 => plan.out = target,
            2 => plan.err = target,
            _ => {}
        };
        match redirect.kind {
            RedirectKind::Here => {
                inner.stdin = target;
                plan.reads = true;
            }
            RedirectKind::Read if target == "/dev/null" => {
                io.stdin = std::mem::take(&mut inner.stdin);
                plan.reads = true;
            }
            RedirectKind::Read => match self.host.read(&target) {
                Ok(text) => {
                    io.stdin = std::mem::replace(&mut inner.stdin, text);
                    plan.reads = true;
                }
                Err(why) => return Ok(Err(self.cannot("open", &target, &why.to_string()))),
            },
            RedirectKind::Duplicate => {
                let copy = match target.as_str() {
                    "1" => plan.out.clone(),
                    "2" => plan.err.clone(),
                    _ => Target::Null,
                };
                slot(plan, copy);
            }
            RedirectKind::Write | RedirectKind::Append if target == "/dev/null" => slot(plan, Target::Null),
            RedirectKind::Write | RedirectKind::Append if target.starts_with("/dev/tcp/") => {
                let mut parts = target["/dev/tcp/".len()..].splitn(2, '/');
                let (host, port) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                if let Err(why) = self.host.tcp(host, port) {
                    let line = format!("{}: connect: {why}\n{}: line 1: {target}: {why}\n", self.name, self.name);
                    return Ok(Err(line));
                }
                slot(plan, Target::Null);
            }
            RedirectKind::Write | RedirectKind::Append => {
                let opened = if redirect.kind == RedirectKind::Append {
                    self.host.append(&target, "")
                } else {
                    self.host.write(&target, "")
                };
                if let Err(why) = opened {
                    return Ok(Err(self.cannot("create", &target, &why.to_string())));
                }
                slot(plan, Target::File(target));
            }
        }
        Ok(Ok(()))
    }

    fn cannot(&self, verb: &str, path: &str, why: &str) -> String {
        match self.flavour {
            Flavour::Bash => format!("{}{path}: {why}\n", self.prefix()),
            Flavour::Dash => {
                let why =
                    if why == "No such file or directory" && verb == "create" { "Directory nonexistent" } else { why };
                let why = if why == "No such file or directory" { "No such file" } else { why };
                format!("{}cannot {verb} {path}: {why}\n", self.prefix())
            }
        }
    }

    fn body(&mut self, body: &Body, io: &mut Io) -> Run {
        match body {
            Body::Simple { assignments, words } => {
                let mut argv = Vec::new();
                for word in words {
                    argv.extend(self.fields(word, io)?);
                }
                for (name, word) in assignments {
                    let value = self.text(word, io)?;
                    // An assignment before a command is the command's environment only, which no program here reads.
                    if argv.is_empty() {
                        self.variables.insert(name.clone(), value);
                    }
                }
                if argv.is_empty() { Ok(0) } else { self.simple(&argv, io) }
            }
            Body::Group(list) => self.list(list, io),
            Body::Subshell(list) => self.subshell(list, io),
            Body::If { branches, otherwise } => {
                for (condition, then) in branches {
                    if self.condition(condition, io)? == 0 {
                        return self.list(then, io);
                    }
                }
                otherwise.as_ref().map_or(Ok(0), |list| self.list(list, io))
            }
            Body::Loop { until, condition, body } => {
                let mut status = 0;
                for _ in 0..MAX_ROUNDS {
                    if (self.condition(condition, io)? == 0) == *until {
                        break;
                    }
                    status = self.list(body, io)?;
                }
                Ok(status)
            }
            Body::For { name, words, body } => {
                let mut values = Vec::new();
                match words {
                    Some(words) => {
                        for word in words {
                            values.extend(self.fields(word, io)?);
                        }
                    }
                    None => values.clone_from(&self.arguments),
                }
                let mut status = 0;
                for value in values {
                    self.variables.insert(name.clone(), value);
                    status = self.list(body, io)?;
                }
                Ok(status)
            }
            Body::Case { word, arms } => {
                let value = self.text(word, io)?;
                for (patterns, list) in arms {
                    for pattern in patterns {
                        let pattern = self.text(pattern, io)?;
                        if matches_pattern(&pattern, &value) {
                            return self.list(list, io);
                        }
                    }
                }
                Ok(0)
            }
        }
    }

    /// A condition may fail without ending a shell that ends on errors.
    fn condition(&mut self, list: &List, io: &mut Io) -> Run {
        let before = std::mem::replace(&mut self.exit_on_error, false);
        let status = self.list(list, io);
        self.exit_on_error = before;
        status
    }

    fn simple(&mut self, argv: &[String], io: &mut Io) -> Run {
        let (name, arguments) = argv.split_first().map_or(("", argv), |(name, rest)| (name.as_str(), rest));
        match name {
            "exit" => {
                let code = arguments.first().and_then(|code| code.parse().ok()).unwrap_or(self.status);
                return Err(Stop::Exit(code & 0xff));
            }
            "set" => {
                for argument in arguments {
                    match argument.as_str() {
                        "-e" | "-eu" | "-ue" => self.exit_on_error = true,
                        "+e" => self.exit_on_error = false,
                        _ => {}
                    }
                }
                return Ok(0);
            }
            "shift" => {
                if !self.arguments.is_empty() {
                    self.arguments.remove(0);
                }
                return Ok(0);
            }
            "exec" if !arguments.is_empty() => {
                let code = self.simple(arguments, io)?;
                return Err(Stop::Exit(code));
            }
            "eval" => {
                let list = arguments.join(" ");
                return self.script(&list, io);
            }
            "exec" | "export" | "umask" | "trap" | "ulimit" | "wait" | "unset" | "cd" => {
                for argument in arguments.iter().filter(|_| name == "export") {
                    if let Some((name, value)) = argument.split_once('=') {
                        self.variables.insert(name.to_owned(), value.to_owned());
                    }
                }
                return Ok(0);
            }
            "read" => {
                let (line, rest) = match io.stdin.split_once('\n') {
                    Some((line, rest)) => (line.to_owned(), rest.to_owned()),
                    None => (std::mem::take(&mut io.stdin), String::new()),
                };
                let ended = line.is_empty() && rest.is_empty();
                io.stdin = rest;
                if let Some(name) = arguments.iter().rfind(|argument| !argument.starts_with('-')) {
                    self.variables.insert(name.clone(), line);
                }
                return Ok(i32::from(ended));
            }
            _ => {}
        }
        match self.host.run(argv, io)? {
            Some(code) => Ok(code),
            None => {
                let line = match self.flavour {
                    Flavour::Bash => format!("{}{name}: command not found\n", self.prefix()),
                    Flavour::Dash => format!("{}{name}: not found\n", self.prefix()),
                };
                io.err.push_str(&line);
                Ok(127)
            }
        }
    }
}

/// Where the descriptors of a command lead.
#[derive(Clone, Debug)]
struct Plan {
    out: Target,
    err: Target,
    reads: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { out: Target::Stdout, err: Target::Stderr, reads: false }
    }
}

#[derive(Clone, Debug)]
enum Target {
    Stdout,
    Stderr,
    Null,
    File(String),
}
