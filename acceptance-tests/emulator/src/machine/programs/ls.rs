//! `ls`.

use jiff::Timestamp;

use super::{Host, Io, Run, options, stat};
use crate::world::pmxcfs::Stat;

/// `ls [-laAd1] [PATH…]`
pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let (letters, mut paths) = options(arguments);
    if paths.is_empty() {
        paths.push(".");
    }
    let has = |letter: char| letters.contains(&letter);
    let (several, mut code) = (paths.len() > 1, 0);
    for path in paths {
        let stat = match host.stat(path) {
            Ok(stat) => stat,
            Err(why) => {
                io.err.push_str(&format!("ls: cannot access '{path}': {why}\n"));
                code = 2;
                continue;
            }
        };
        if !stat.is_folder || has('d') {
            show(io, &Entry { name: path.to_owned(), path: path.to_owned(), stat }, has('l'));
            continue;
        }
        if several {
            io.out.push_str(&format!("{path}:\n"));
        }
        let entries = entries(host, path, &stat, has('a'), has('A'));
        if has('l') {
            let blocks: usize = entries.iter().map(|entry| entry.stat.size.div_ceil(1024)).sum();
            io.out.push_str(&format!("total {blocks}\n"));
        }
        entries.iter().for_each(|entry| show(io, entry, has('l')));
    }
    Ok(code)
}

struct Entry {
    name: String,
    path: String,
    stat: Stat,
}

/// What is in a folder; with `all` also the folder itself and the one above.
fn entries(host: &Host<'_>, folder: &str, own: &Stat, all: bool, hidden: bool) -> Vec<Entry> {
    let names = host.list_folder(folder).unwrap_or_default();
    let dots = [".", ".."].into_iter().filter(|_| all).map(str::to_owned);
    let names = names.into_iter().filter(|name| all || hidden || !name.starts_with('.'));
    let entry = |name: String| {
        let path = format!("{folder}/{name}");
        let stat = host.stat(&path).unwrap_or_else(|_| own.clone());
        Entry { name, path, stat }
    };
    dots.chain(names).map(entry).collect()
}

fn show(io: &mut Io, entry: &Entry, long: bool) {
    let Entry { name, path, stat } = entry;
    if !long {
        io.out.push_str(&format!("{name}\n"));
        return;
    }
    let time = Timestamp::from_second(stat.changed as i64).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%b %e %H:%M");
    let links = if stat.is_folder { 2 } else { 1 };
    let (mode, group) = (stat::mode_text(stat), stat::group(path));
    io.out.push_str(&format!("{mode} {links} root {group} {:>6} {time} {name}\n", stat.size));
}
