//! Programs that print and filter texts.

use regex::Regex;

use super::{Host, Io, Program, Run, options};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "true" | ":" => |_, _, _| Ok(0),
        "false" => |_, _, _| Ok(1),
        "echo" => echo,
        "printf" => printf,
        "grep" | "egrep" | "fgrep" => grep,
        "head" => |host, io, arguments| lines(host, io, arguments, "head"),
        "tail" => |host, io, arguments| lines(host, io, arguments, "tail"),
        "wc" => wc,
        "sort" => sort,
        "cut" => cut,
        "sha1sum" => sha1sum,
        _ => return None,
    })
}

fn echo(_: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (line_feed, words) = match arguments.split_first() {
        Some((first, rest)) if first == "-n" => ("", rest),
        _ => ("\n", arguments),
    };
    io.out.push_str(&format!("{}{line_feed}", words.join(" ")));
    Ok(0)
}

fn printf(_: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let arguments = if arguments.first().is_some_and(|first| first == "--") { &arguments[1..] } else { arguments };
    let Some((format, values)) = arguments.split_first() else {
        io.err.push_str("printf: usage: printf [-v var] format [arguments]\n");
        return Ok(2);
    };
    let mut values = values.iter().peekable();
    loop {
        let before = values.len();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => match chars.next() {
                    Some('s') => io.out.push_str(values.next().map_or("", String::as_str)),
                    Some('b') => io.out.push_str(&unescape(values.next().map_or("", String::as_str))),
                    Some('d' | 'i' | 'u') => io.out.push_str(values.next().map_or("0", String::as_str)),
                    Some('%') => io.out.push('%'),
                    Some(other) => io.out.extend(['%', other]),
                    None => io.out.push('%'),
                },
                '\\' => {
                    let next: String = chars.next().into_iter().collect();
                    io.out.push_str(&unescape(&format!("\\{next}")));
                }
                other => io.out.push(other),
            }
        }
        // The format is used again as long as there are values it takes.
        if values.peek().is_none() || values.len() == before {
            return Ok(0);
        }
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (plain, _) => out.push(plain),
        }
    }
    out
}

/// The texts of the files, or of the standard input if there are none, each with its name.
fn inputs(host: &Host<'_>, io: &mut Io, paths: &[&str], name: &str) -> (Vec<(String, String)>, i32) {
    if paths.is_empty() {
        return (vec![(String::new(), std::mem::take(&mut io.stdin))], 0);
    }
    let (mut found, mut code) = (Vec::new(), 0);
    for path in paths {
        match host.read(path) {
            Ok(text) => found.push(((*path).to_owned(), text)),
            Err(why) => {
                io.err.push_str(&format!("{name}: {path}: {why}\n"));
                code = 2;
            }
        }
    }
    (found, code)
}

fn grep(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, mut words) = options(arguments);
    let has = |letter: char| letters.contains(&letter);
    if words.is_empty() {
        io.err.push_str("Usage: grep [OPTION]... PATTERNS [FILE]...\n");
        return Ok(2);
    }
    let pattern = words.remove(0);
    let pattern = if has('F') { regex::escape(pattern) } else { pattern.to_owned() };
    let pattern = if has('w') { format!(r"\b(?:{pattern})\b") } else { pattern };
    let pattern = if has('x') { format!("^(?:{pattern})$") } else { pattern };
    let pattern = if has('i') { format!("(?i){pattern}") } else { pattern };
    let Ok(pattern) = Regex::new(&pattern) else {
        io.err.push_str("grep: Invalid regular expression\n");
        return Ok(2);
    };
    let (texts, code) = inputs(host, io, &words, "grep");
    let several = texts.len() > 1;
    let mut count = 0;
    for (path, text) in &texts {
        for line in text.lines().filter(|line| pattern.is_match(line) != has('v')) {
            count += 1;
            if has('q') || has('c') {
                continue;
            }
            let prefix = if several && !has('h') { format!("{path}:") } else { String::new() };
            if has('o') {
                for hit in pattern.find_iter(line) {
                    io.out.push_str(&format!("{prefix}{}\n", hit.as_str()));
                }
            } else {
                io.out.push_str(&format!("{prefix}{line}\n"));
            }
        }
    }
    if has('c') {
        io.out.push_str(&format!("{count}\n"));
    }
    if has('s') {
        io.err.clear();
    }
    Ok(if count > 0 { code.min(i32::from(!has('q')) * 2) } else { code.max(1) })
}

fn lines(host: &mut Host<'_>, io: &mut Io, arguments: &[String], name: &str) -> Run {
    let (mut count, mut paths, mut words) = (10, Vec::new(), arguments.iter());
    while let Some(word) = words.next() {
        if word == "-n" {
            count = words.next().and_then(|count| count.parse().ok()).unwrap_or(count);
        } else if let Some(number) = word.strip_prefix("-n").or_else(|| word.strip_prefix('-')) {
            count = number.parse().unwrap_or(count);
        } else {
            paths.push(word.as_str());
        }
    }
    let (texts, code) = inputs(host, io, &paths, name);
    for (_, text) in texts {
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        let part = if name == "head" { &all[..count.min(all.len())] } else { &all[all.len().saturating_sub(count)..] };
        io.out.push_str(&part.concat());
    }
    Ok(code.min(1))
}

fn wc(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, paths) = options(arguments);
    let (texts, code) = inputs(host, io, &paths, "wc");
    for (path, text) in texts {
        let count = if letters.contains(&'c') { text.len() } else { text.matches('\n').count() };
        let name = if path.is_empty() { String::new() } else { format!(" {path}") };
        io.out.push_str(&format!("{count}{name}\n"));
    }
    Ok(code.min(1))
}

fn sort(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, paths) = options(arguments);
    let (texts, code) = inputs(host, io, &paths, "sort");
    let all: String = texts.into_iter().map(|(_, text)| text).collect();
    let mut lines: Vec<&str> = all.lines().collect();
    lines.sort_unstable();
    if letters.contains(&'u') {
        lines.dedup();
    }
    if letters.contains(&'r') {
        lines.reverse();
    }
    for line in lines {
        io.out.push_str(&format!("{line}\n"));
    }
    Ok(code)
}

fn cut(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (mut delimiter, mut field, mut paths, mut words) = ("\t".to_owned(), 1_usize, Vec::new(), arguments.iter());
    while let Some(word) = words.next() {
        let value = |rest: &str, words: &mut std::slice::Iter<'_, String>| match rest {
            "" => words.next().cloned().unwrap_or_default(),
            rest => rest.to_owned(),
        };
        if let Some(rest) = word.strip_prefix("-d") {
            delimiter = value(rest, &mut words);
        } else if let Some(rest) = word.strip_prefix("-f") {
            field = value(rest, &mut words).parse().unwrap_or(1);
        } else {
            paths.push(word.as_str());
        }
    }
    let (texts, code) = inputs(host, io, &paths, "cut");
    for line in texts.iter().flat_map(|(_, text)| text.lines()) {
        let part =
            if line.contains(&delimiter) { line.split(&delimiter).nth(field.max(1) - 1).unwrap_or("") } else { line };
        io.out.push_str(&format!("{part}\n"));
    }
    Ok(code)
}

fn sha1sum(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (_, paths) = options(arguments);
    let (texts, code) = inputs(host, io, &paths, "sha1sum");
    for (path, text) in texts {
        let name = if path.is_empty() { "-" } else { &path };
        io.out.push_str(&format!("{}  {name}\n", crate::world::files::sha1_hex(text.as_bytes())));
    }
    Ok(code.min(1))
}
