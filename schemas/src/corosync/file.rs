//! `corosync.conf` as a list of lines with sections: an edit changes the lines that it is about, and no other byte.

use std::collections::BTreeMap;

use super::MAX_LINK;

/// The section of the timeouts, the version and the links.
const TOTEM: &[&str] = &["totem"];
const INTERFACE: &[&str] = &["totem", "interface"];
const NODE: &[&str] = &["nodelist", "node"];
const PRIORITY: &str = "knet_link_priority";

/// The file.
#[derive(Clone, PartialEq, Eq)]
pub struct CorosyncConf {
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// With its line feed, if it has one.
    text: String,
    reading: Reading,
}

/// What Corosync reads in a line.
#[derive(Clone, PartialEq, Eq)]
enum Reading {
    /// Blank, or a comment.
    Nothing,
    Open(String),
    Close,
    Entry {
        key: String,
        value: String,
    },
    /// Corosync refuses the whole file.
    Unreadable,
}

/// A section: where it is, and its own entries.
struct Section<'a> {
    path: Vec<&'a str>,
    /// The line that opens it; none for the file itself.
    open: Option<usize>,
    /// The line that closes it; none if that is missing.
    close: Option<usize>,
    entries: Vec<(usize, &'a str, &'a str)>,
}

/// A link as `totem { interface { … } }` configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The number of the link.
    pub number: u8,
    /// Its priority, if that is set.
    pub priority: Option<i64>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; its first address where it has none.
    pub name: String,
    /// Its id.
    pub id: Option<i64>,
    /// Its address on each link.
    pub addresses: BTreeMap<u8, String>,
}

impl CorosyncConf {
    /// Reads a file; every text is one. [`CorosyncConf::faults`] says what is wrong with it.
    pub fn parse(text: &str) -> Self {
        let lines = text.split_inclusive('\n');
        Self { lines: lines.map(|text| Line { reading: read(text), text: text.to_owned() }).collect() }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }

    /// The last value of `key` in the sections at `path`; Corosync and Proxmox take the last one.
    pub fn value(&self, path: &[&str], key: &str) -> Option<&str> {
        let sections = self.sections();
        let mut entries = sections.iter().filter(|section| section.path == path).flat_map(|section| &section.entries);
        entries.rfind(|(_, known, _)| *known == key).map(|(_, _, value)| *value)
    }

    /// Whether there is a section at `path`.
    pub fn has_section(&self, path: &[&str]) -> bool {
        self.sections().iter().any(|section| section.path == path)
    }

    /// An entry of `totem`.
    pub fn totem(&self, key: &str) -> Option<&str> {
        self.value(TOTEM, key)
    }

    /// An entry of `totem` that is a number.
    pub fn totem_number(&self, key: &str) -> Option<i64> {
        self.totem(key)?.parse().ok()
    }

    /// The version, which grows with each change of the file.
    pub fn config_version(&self) -> Option<i64> {
        self.totem_number("config_version").filter(|version| *version > 0)
    }

    /// The links that have an `interface` section, in the order of the file. Of two sections of one link the last one counts.
    pub fn interfaces(&self) -> Vec<Interface> {
        let sections = self.sections();
        let found = sections.iter().filter(|section| section.path == INTERFACE).filter_map(Section::interface);
        last_of_each(found, |a, b| a.number == b.number)
    }

    /// The nodes, in the order of the file. Of two sections of one node the last one counts.
    pub fn nodes(&self) -> Vec<Node> {
        let sections = self.sections();
        let found = sections.iter().filter(|section| section.path == NODE).filter_map(Section::node);
        last_of_each(found, |a, b| a.name == b.name)
    }

    /// The numbers of all links, whether sections or addresses name them.
    pub fn links(&self) -> Vec<u8> {
        let of_nodes = self.nodes().into_iter().flat_map(|node| node.addresses.into_keys());
        let mut links: Vec<u8> = of_nodes.chain(self.interfaces().iter().map(|interface| interface.number)).collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    /// Sets an entry of `totem`, or removes it.
    pub fn set_totem(&mut self, key: &str, value: Option<&str>) {
        if let Some(open) = self.last_open(|section| section.path == TOTEM) {
            self.set(open, key, value);
        }
    }

    /// Makes the version one higher.
    pub fn grow_version(&mut self) {
        if let Some(next) = self.config_version().and_then(|version| version.checked_add(1)) {
            self.set_totem("config_version", Some(&next.to_string()));
        }
    }

    /// Sets the priority of a link, or removes it.
    pub fn set_priority(&mut self, link: u8, priority: Option<i64>) {
        if priority.is_some() {
            self.add_interface(link);
        }
        let is_it = |section: &Section<'_>| section.interface().is_some_and(|interface| interface.number == link);
        if let Some(open) = self.last_open(|section| section.path == INTERFACE && is_it(section)) {
            self.set(open, PRIORITY, priority.map(|priority| priority.to_string()).as_deref());
        }
    }

    /// Sets the address of a node on a link, or removes it.
    pub fn set_address(&mut self, node: &str, link: u8, address: Option<&str>) {
        let is_it = |section: &Section<'_>| section.node().is_some_and(|found| found.name == node);
        if let Some(open) = self.last_open(|section| section.path == NODE && is_it(section)) {
            self.set(open, &address_key(link), address);
        }
    }

    /// Adds the section of a link that has none. Where no link has one, all get theirs: it is all or none for Proxmox.
    pub fn add_interface(&mut self, link: u8) {
        let known = self.interfaces();
        let missing = if known.is_empty() { self.links() } else { Vec::new() };
        for number in missing.into_iter().filter(|number| *number != link).chain([link]) {
            if !self.interfaces().iter().any(|interface| interface.number == number) {
                self.insert_interface(number);
            }
        }
    }

    /// Removes the section of a link.
    pub fn remove_interface(&mut self, link: u8) {
        let ranges = self.sections().into_iter().filter_map(|section| {
            let is_it = section.path == INTERFACE && section.interface().is_some_and(|found| found.number == link);
            is_it.then_some(section.open.zip(section.close)).flatten()
        });
        for (open, close) in ranges.collect::<Vec<_>>().into_iter().rev() {
            self.lines.drain(open..=close);
        }
    }

    /// What Corosync or Proxmox can't read, with the numbers of the lines.
    pub(super) fn unreadable(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            match &line.reading {
                Reading::Open(name) if name.is_empty() => {
                    problems.push(format!("line {}: a section without a name", at + 1));
                }
                Reading::Open(_) => open.push(at),
                Reading::Close if open.pop().is_none() => {
                    problems.push(format!("line {}: a closing brace without a section", at + 1));
                }
                Reading::Unreadable => problems.push(format!("line {}: neither a section nor an entry", at + 1)),
                _ => {}
            }
        }
        problems.extend(open.into_iter().map(|at| format!("line {}: the section is not closed", at + 1)));
        let sections = self.sections();
        for (at, section) in sections.iter().enumerate() {
            let is_list = section.path == INTERFACE || section.path == NODE;
            if !is_list && section.open.is_some() && sections[..at].iter().any(|before| before.path == section.path) {
                problems.push(format!("the section {} is there twice", section.path.join(".")));
            }
        }
        problems
    }

    /// The sections in the order in which they open; the first is the file itself.
    fn sections(&self) -> Vec<Section<'_>> {
        let mut sections = vec![Section { path: Vec::new(), open: None, close: None, entries: Vec::new() }];
        let mut within = vec![0];
        for (at, line) in self.lines.iter().enumerate() {
            let current = within.last().copied().unwrap_or(0);
            match &line.reading {
                Reading::Open(name) => {
                    let path = sections[current].path.iter().copied().chain([name.as_str()]).collect();
                    within.push(sections.len());
                    sections.push(Section { path, open: Some(at), close: None, entries: Vec::new() });
                }
                Reading::Close if within.len() > 1 => {
                    sections[current].close = Some(at);
                    within.pop();
                }
                Reading::Entry { key, value } => sections[current].entries.push((at, key, value)),
                _ => {}
            }
        }
        sections
    }

    fn last_open(&self, which: impl Fn(&Section<'_>) -> bool) -> Option<usize> {
        self.sections().iter().rfind(|section| which(section)).and_then(|section| section.open)
    }

    /// Sets an entry of the section that the line `open` opens, or removes it. A new entry has the place that Proxmox gives it:
    /// it sorts entries.
    fn set(&mut self, open: usize, key: &str, value: Option<&str>) {
        let sections = self.sections();
        let Some(section) = sections.iter().find(|section| section.open == Some(open)) else { return };
        let own: Vec<usize> =
            section.entries.iter().filter(|(_, known, _)| *known == key).map(|(at, ..)| *at).collect();
        let (at, before) = section.place(key);
        let indent = match section.entries.first() {
            Some((entry, ..)) => indent(&self.lines[*entry].text).to_owned(),
            None => format!("{}  ", indent(&self.lines[open].text)),
        };
        match (value, own.last()) {
            (Some(value), Some(at)) => {
                let same = matches!(&self.lines[*at].reading, Reading::Entry { value: known, .. } if known == value);
                if !same {
                    let text = format!("{}{key}: {value}", indent_of(&self.lines[*at]));
                    self.lines[*at].rewrite(&text);
                }
            }
            (Some(value), None) => self.insert(at, before, &format!("{indent}{key}: {value}")),
            (None, _) => {
                for at in own.into_iter().rev() {
                    self.lines.remove(at);
                }
            }
        }
    }

    fn insert_interface(&mut self, link: u8) {
        let sections = self.sections();
        let Some(totem) = sections.iter().rfind(|section| section.path == TOTEM) else { return };
        let Some(open) = totem.open else { return };
        let last =
            sections.iter().filter(|section| section.path == INTERFACE).filter_map(|section| section.close).max();
        let (at, before) = match last {
            Some(close) => (close + 1, close),
            None => totem.place("interface"),
        };
        let outer = match totem.entries.first() {
            Some((entry, ..)) => indent_of(&self.lines[*entry]).to_owned(),
            None => format!("{}  ", indent_of(&self.lines[open])),
        };
        let lines = [format!("{outer}interface {{"), format!("{outer}  linknumber: {link}"), format!("{outer}}}")];
        for (offset, line) in lines.iter().enumerate() {
            self.insert(at + offset, before, line);
        }
    }

    /// Inserts a line with the end that the line `like` has.
    fn insert(&mut self, at: usize, like: usize, text: &str) {
        let end = if self.lines[like].text.ends_with("\r\n") { "\r\n" } else { "\n" };
        if let Some(before) = at.checked_sub(1)
            && !self.lines[before].text.ends_with('\n')
        {
            self.lines[before].text.push('\n');
        }
        let text = format!("{text}{end}");
        self.lines.insert(at, Line { reading: read(&text), text });
    }
}

impl Section<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        self.entries.iter().rfind(|(_, known, _)| *known == key).map(|(_, _, value)| *value)
    }

    fn interface(&self) -> Option<Interface> {
        let number = self.value("linknumber").or_else(|| self.value("ringnumber")).unwrap_or("0");
        let number = number.parse().ok().filter(|number| *number <= MAX_LINK)?;
        Some(Interface { number, priority: self.value(PRIORITY).and_then(|priority| priority.parse().ok()) })
    }

    fn node(&self) -> Option<Node> {
        let addresses = (0..=MAX_LINK).filter_map(|link| Some((link, self.value(&address_key(link))?.to_owned())));
        let addresses: BTreeMap<u8, String> = addresses.collect();
        let name = self.value("name").map(str::to_owned).or_else(|| addresses.get(&0).cloned())?;
        Some(Node { name, id: self.value("nodeid").and_then(|id| id.parse().ok()), addresses })
    }

    /// The place of a new entry, and the line that it follows in kind.
    fn place(&self, key: &str) -> (usize, usize) {
        let before = self.entries.iter().filter(|(_, known, _)| *known < key).map(|(at, ..)| *at).max();
        let at = before.or(self.open).unwrap_or(0);
        (at + 1, at)
    }
}

impl Line {
    /// Makes it `text`, with the end that it had.
    fn rewrite(&mut self, text: &str) {
        let body = self.text.trim_end_matches(['\n', '\r']).len();
        self.text = format!("{text}{}", &self.text[body..]);
        self.reading = read(&self.text);
    }
}

fn address_key(link: u8) -> String {
    format!("ring{link}_addr")
}

/// The elements without those that are followed by one of the same name.
fn last_of_each<T>(elements: impl Iterator<Item = T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut last: Vec<T> = Vec::new();
    for element in elements {
        match last.iter_mut().find(|known| same(known, &element)) {
            Some(known) => *known = element,
            None => last.push(element),
        }
    }
    last
}

fn indent_of(line: &Line) -> &str {
    indent(&line.text)
}

fn indent(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

/// What Corosync reads in a line: the first brace or colon decides.
fn read(text: &str) -> Reading {
    let line = text.trim();
    if line.is_empty() || line.starts_with('#') {
        return Reading::Nothing;
    }
    if let Some((name, rest)) = line.split_once('{') {
        return if rest.trim().is_empty() { Reading::Open(name.trim().to_owned()) } else { Reading::Unreadable };
    }
    if let Some((key, value)) = line.split_once(':') {
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        return if key.is_empty() { Reading::Unreadable } else { Reading::Entry { key, value } };
    }
    if line == "}" { Reading::Close } else { Reading::Unreadable }
}
