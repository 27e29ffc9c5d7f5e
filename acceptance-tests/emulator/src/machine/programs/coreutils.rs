//! Programs that work on files.

use super::{Host, Io, Program, Run, ls, options, stat};
use crate::world::errno::Errno;

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "true" => |_, _, _| Ok(0),
        "false" => |_, _, _| Ok(1),
        "echo" => echo,
        "cat" => cat,
        "tail" => tail,
        "dd" => dd,
        "mkdir" => mkdir,
        "rmdir" => rmdir,
        "mv" => mv,
        "rm" => rm,
        "touch" => touch,
        "ls" => ls::run,
        "ln" => ln,
        "stat" => stat::run,
        "test" => stat::test,
        _ => return None,
    })
}

fn echo(_: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    io.out.push_str(&format!("{}\n", arguments.join(" ")));
    Ok(0)
}

fn cat(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (_, paths) = options(arguments);
    if paths.is_empty() {
        io.out.push_str(&std::mem::take(&mut io.stdin));
        return Ok(0);
    }
    let mut code = 0;
    for path in paths {
        if path == "-" {
            io.out.push_str(&std::mem::take(&mut io.stdin));
            continue;
        }
        match host.read(path) {
            Ok(text) => io.out.push_str(&text),
            Err(why) => {
                io.err.push_str(&format!("cat: {path}: {why}\n"));
                code = 1;
            }
        }
    }
    Ok(code)
}

/// `tail -c +BYTE FILE`
fn tail(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let [option, first, path] = arguments else {
        io.err.push_str("pve-emulator: tail: only `tail -c +BYTE FILE`\n");
        return Ok(1);
    };
    let first = first.strip_prefix('+').filter(|_| option == "-c").and_then(|first| first.parse::<usize>().ok());
    match (first, host.read(path)) {
        (Some(first), Ok(text)) => {
            io.out.push_str(text.get(first.saturating_sub(1)..).unwrap_or_default());
            Ok(0)
        }
        (None, _) => {
            io.err.push_str(&format!("tail: invalid number of bytes: {}\n", host.quoted(&arguments[1])));
            Ok(1)
        }
        (_, Err(why)) => {
            io.err.push_str(&format!("tail: cannot open {} for reading: {why}\n", host.quoted(path)));
            Ok(1)
        }
    }
}

/// `dd [if=FILE] [of=FILE] [bs=SIZE] [status=none]`
fn dd(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (mut from, mut to, mut quiet) = (None, None, false);
    for argument in arguments {
        match argument.split_once('=') {
            Some(("if", path)) => from = Some(path),
            Some(("of", path)) => to = Some(path),
            Some(("status", "none")) => quiet = true,
            Some(("bs", _)) => {}
            _ => {
                let (name, tail) = (host.quoted(argument), "Try 'dd --help' for more information.");
                io.err.push_str(&format!("dd: unrecognized operand {name}\n{tail}\n"));
                return Ok(1);
            }
        }
    }
    match copy(host, io, from, to) {
        Ok(_) if quiet => Ok(0),
        Ok(bytes) => {
            io.err.push_str(&format!("0+1 records in\n0+1 records out\n{bytes} bytes copied, 0.001 s, {bytes} kB/s\n"));
            Ok(0)
        }
        Err(why) => {
            io.err.push_str(&format!("dd: {why}\n"));
            Ok(1)
        }
    }
}

/// From a file or stdin to a file or stdout; how many bytes.
fn copy(host: &mut Host<'_>, io: &mut Io, from: Option<&str>, to: Option<&str>) -> Result<usize, String> {
    let failed = |path: &str, why: Errno| match why {
        Errno::TooLarge => format!("error writing '{path}': {why}"),
        _ => format!("failed to open '{path}': {why}"),
    };
    let text = match from {
        Some(path) => host.read(path).map_err(|why| failed(path, why))?,
        None => std::mem::take(&mut io.stdin),
    };
    match to {
        Some(path) => host.write(path, &text).map_err(|why| failed(path, why))?,
        None => io.out.push_str(&text),
    }
    Ok(text.len())
}

fn mkdir(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let arguments = without_value(arguments, "-m");
    let (letters, paths) = options(&arguments);
    if paths.is_empty() {
        return missing("mkdir", io);
    }
    let mut code = 0;
    for path in paths {
        let made = if letters.contains(&'p') { make_all(host, path) } else { host.make_folder(path) };
        if let Err(why) = made {
            // This is one of the few tools that quote as the locale does.
            io.err.push_str(&format!("mkdir: cannot create directory {}: {why}\n", host.quoted(path)));
            code = 1;
        }
    }
    Ok(code)
}

fn make_all(host: &mut Host<'_>, path: &str) -> Result<(), Errno> {
    let path = host.resolve(path);
    for end in path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]) {
        match host.stat(&path[..end]) {
            Ok(stat) if stat.is_folder => {}
            Ok(_) => return Err(if end == path.len() { Errno::Exists } else { Errno::NotFolder }),
            Err(Errno::NotFound) => host.make_folder(&path[..end])?,
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn rmdir(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    each(arguments, io, "rmdir", |path| {
        host.remove(path, true).map_err(|why| format!("failed to remove '{path}': {why}"))
    })
}

fn rm(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, paths) = options(arguments);
    let (force, recursive) = (letters.contains(&'f'), letters.contains(&'r') || letters.contains(&'R'));
    if paths.is_empty() && force {
        return Ok(0);
    }
    each(arguments, io, "rm", |path| {
        let removed = if recursive { host.remove_tree(path) } else { host.remove(path, false) };
        match removed {
            Err(Errno::NotFound) if force => Ok(()),
            Err(why) => Err(format!("cannot remove '{path}': {why}")),
            Ok(()) => Ok(()),
        }
    })
}

fn mv(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, paths) = options(arguments);
    let [from @ .., to] = paths.as_slice() else { return missing("mv", io) };
    if from.is_empty() {
        io.err.push_str(&format!("mv: missing destination file operand after '{to}'\n"));
        return Ok(1);
    }
    let into = !letters.contains(&'T') && host.stat(to).is_ok_and(|stat| stat.is_folder);
    let mut code = 0;
    for from in from {
        let target = target(from, to, into);
        if letters.contains(&'n') && host.stat(&target).is_ok() {
            continue;
        }
        if let Err(why) = host.stat(from) {
            io.err.push_str(&format!("mv: cannot stat '{from}': {why}\n"));
            code = 1;
        } else if host.resolve(from) == host.resolve(&target) {
            io.err.push_str(&format!("mv: '{from}' and '{target}' are the same file\n"));
            code = 1;
        } else if let Err(why) = host.rename(from, &target) {
            io.err.push_str(&format!("mv: cannot move '{from}' to '{target}': {why}\n"));
            code = 1;
        }
    }
    Ok(code)
}

fn target(from: &str, to: &str, into: bool) -> String {
    if !into {
        return to.to_owned();
    }
    let name = from.trim_end_matches('/').rsplit('/').next().unwrap_or(from);
    format!("{}/{name}", to.trim_end_matches('/'))
}

fn touch(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut time = None;
    let (mut rest, mut words) = (Vec::new(), arguments.iter());
    while let Some(word) = words.next() {
        let value = match word.as_str() {
            "-d" | "--date" | "-t" => words.next().cloned(),
            other => match other.strip_prefix("--date=").or_else(|| other.strip_prefix("-d")) {
                Some(value) => Some(value.to_owned()),
                None => {
                    rest.push(word.clone());
                    None
                }
            },
        };
        if let Some(value) = value {
            let parsed = value.strip_prefix('@').and_then(|seconds| seconds.parse().ok());
            let parsed = parsed.or_else(|| (value == "now").then(|| host.world.clock.now()));
            match parsed {
                Some(seconds) => time = Some(seconds),
                None => {
                    io.err.push_str(&format!("touch: invalid date format ‘{value}’\n"));
                    return Ok(1);
                }
            }
        }
    }
    let (letters, paths) = options(&rest);
    if paths.is_empty() {
        io.err.push_str("touch: missing file operand\nTry 'touch --help' for more information.\n");
        return Ok(1);
    }
    let mut code = 0;
    for path in paths {
        if letters.contains(&'c') && host.stat(path).is_err() {
            continue;
        }
        // What root could open, it could not set the time of.
        let what = if host.is_root() && host.stat(path).is_ok() { "setting times of" } else { "cannot touch" };
        if let Err(why) = host.touch(path, time) {
            io.err.push_str(&format!("touch: {what} '{path}': {why}\n"));
            code = 1;
        }
    }
    Ok(code)
}

/// pmxcfs has no links but its own. On the machine's own disk a copy does for one.
fn ln(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, paths) = options(arguments);
    let [from, to] = paths.as_slice() else { return missing("ln", io) };
    let (kind, link) =
        if letters.contains(&'s') { ("symbolic", format!("'{to}'")) } else { ("hard", format!("'{to}' => '{from}'")) };
    let why = if host.is_shared(&host.resolve(to)) {
        "Function not implemented".to_owned()
    } else {
        match host.read(from).and_then(|text| host.write(to, &text)) {
            Ok(()) => return Ok(0),
            Err(why) => why.to_string(),
        }
    };
    io.err.push_str(&format!("ln: failed to create {kind} link {link}: {why}\n"));
    Ok(1)
}

fn each(arguments: &[String], io: &mut Io, name: &str, mut action: impl FnMut(&str) -> Result<(), String>) -> Run {
    let (_, paths) = options(arguments);
    if paths.is_empty() {
        return missing(name, io);
    }
    let mut code = 0;
    for path in paths {
        if let Err(why) = action(path) {
            io.err.push_str(&format!("{name}: {why}\n"));
            code = 1;
        }
    }
    Ok(code)
}

fn missing(name: &str, io: &mut Io) -> Run {
    io.err.push_str(&format!("{name}: missing operand\nTry '{name} --help' for more information.\n"));
    Ok(1)
}

/// The arguments without an option and its value.
fn without_value(arguments: &[String], option: &str) -> Vec<String> {
    let mut rest = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == option {
            words.next();
        } else {
            rest.push(word.clone());
        }
    }
    rest
}
