//! `stat` and `test`.

use super::{Host, Io, Run};
use crate::world::pmxcfs::Stat;

/// `stat -c FORMAT FILE…`
pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut format = None;
    let (mut paths, mut words) = (Vec::new(), arguments.iter());
    while let Some(word) = words.next() {
        match word.as_str() {
            "-c" | "--format" => format = words.next().cloned(),
            "--" | "-L" => {}
            other => match other.strip_prefix("--format=").or_else(|| other.strip_prefix("-c")) {
                Some(value) => format = Some(value.to_owned()),
                None => paths.push(word.clone()),
            },
        }
    }
    let format = format.unwrap_or_else(|| "  File: %n\n  Size: %s\t%F\nAccess: (%a)\nModify: %Y".to_owned());
    let mut code = 0;
    for path in paths {
        match host.stat(&path) {
            Ok(stat) => io.out.push_str(&format!("{}\n", render(&format, &path, &stat))),
            Err(why) => {
                io.err.push_str(&format!("stat: cannot statx '{path}': {why}\n"));
                code = 1;
            }
        }
    }
    Ok(code)
}

fn render(format: &str, path: &str, stat: &Stat) -> String {
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push_str(path),
            Some('s') => text.push_str(&stat.size.to_string()),
            Some('Y' | 'X' | 'Z') => text.push_str(&(stat.changed as i64).to_string()),
            Some('a') => text.push_str(&format!("{:o}", stat.mode)),
            Some('A') => text.push_str(&mode_text(stat)),
            Some('F') => text.push_str(match (stat.is_folder, stat.size) {
                (true, _) => "directory",
                (false, 0) => "regular empty file",
                (false, _) => "regular file",
            }),
            Some('U') => text.push_str("root"),
            Some('u') => text.push('0'),
            Some('G') => text.push_str(group(path)),
            Some('g') => text.push_str(if group(path) == "root" { "0" } else { "33" }),
            Some(other) => text.extend(['%', other]),
            None => text.push('%'),
        }
    }
    text
}

/// `drwxr-xr-x`
pub(super) fn mode_text(stat: &Stat) -> String {
    let mut text = String::from(if stat.is_folder { "d" } else { "-" });
    for shift in [6, 3, 0] {
        let bits = stat.mode >> shift;
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            text.push(if bits & bit == 0 { '-' } else { letter });
        }
    }
    text
}

/// pmxcfs gives everything to root and the group of the web server.
pub(super) fn group(path: &str) -> &'static str {
    if crate::world::World::is_shared_path(path) { "www-data" } else { "root" }
}

/// `test [!] OPERATOR FILE`
pub(super) fn test(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (negated, words) = match words.as_slice() {
        ["!", rest @ ..] => (true, rest),
        all => (false, all),
    };
    let found = match words {
        [operator, path] => is(host, operator, path),
        _ => None,
    };
    match found {
        Some(found) => Ok(i32::from(found == negated)),
        None => {
            io.err.push_str(&format!("test: {}: unary operator expected\n", words.first().unwrap_or(&"")));
            Ok(2)
        }
    }
}

/// The result of a file operator; `None` for other operators.
fn is(host: &Host<'_>, operator: &str, path: &str) -> Option<bool> {
    let stat = host.stat(path).ok();
    let is = |check: &dyn Fn(&Stat) -> bool| stat.as_ref().is_some_and(check);
    match operator {
        "-e" => Some(stat.is_some()),
        "-f" => Some(is(&|stat| !stat.is_folder && !path.starts_with("/dev/"))),
        "-d" => Some(is(&|stat| stat.is_folder)),
        "-s" => Some(is(&|stat| stat.size > 0)),
        "-c" => Some(is(&|_| path.starts_with("/dev/"))),
        "-S" => Some(is(&|_| path.ends_with(".sock"))),
        _ => None,
    }
}
