//! `fence.cfg` as a list of lines: a change of one device leaves all other lines byte by byte as they are.

use super::words::{quote, split};
use crate::value::is_word;

/// Which device: parallel devices share a name and differ in number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId {
    name: String,
    number: i64,
}

/// What the file says of one device.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// The agent.
    pub agent: String,
    /// What it always gets.
    pub arguments: Vec<String>,
    /// What it gets for each node, in the order of the file.
    pub connects: Vec<(String, Vec<String>)>,
}

/// The file.
#[derive(Clone, PartialEq, Eq)]
pub struct FenceCfg {
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// With its line feed, if it has one.
    bytes: Vec<u8>,
    reading: Reading,
}

/// What Proxmox reads in a line.
#[derive(Clone, PartialEq, Eq)]
enum Reading {
    /// Blank, or of blanks.
    Blank,
    /// A comment, or a line that Proxmox does not parse: it skips such lines with a warning.
    Skipped,
    Device {
        id: DeviceId,
        agent: String,
        arguments: Vec<String>,
    },
    /// Without a node the line is an error.
    Connect {
        id: DeviceId,
        node: Option<String>,
        arguments: Vec<String>,
    },
}

impl DeviceId {
    /// The device `name:number`.
    pub fn new(name: &str, number: i64) -> Self {
        Self { name: name.to_owned(), number }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number among parallel devices.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// The beginning of `text` that has the form of a name, as Proxmox reads it: the rest is cut without a word.
    fn read(text: &str) -> Option<Self> {
        let end = text.bytes().position(|b| !is_word(b)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let digits = rest.strip_prefix(':').unwrap_or_default();
        let digits = &digits[..digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len())];
        // No number, and 0, count as 1.
        let number = digits.parse().ok().filter(|number| *number != 0).unwrap_or(1);
        (!name.is_empty()).then(|| Self::new(name, number))
    }
}

impl std::fmt::Display for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.number)
    }
}

impl Section {
    /// Whether each line has something behind the agent or the node: Proxmox skips one that has not.
    fn check(&self) -> Result<(), String> {
        if self.arguments.is_empty() {
            return Err("Proxmox skips a device without options".to_owned());
        }
        match self.connects.iter().find(|(_, arguments)| arguments.is_empty()) {
            Some((node, _)) => Err(format!("Proxmox skips its connection to {node}, which has no options")),
            None => Ok(()),
        }
    }

    fn device_line(&self, id: &DeviceId) -> String {
        // Bare as String::ShellQuote has it.
        let arguments = self.arguments.iter().map(|argument| quote(argument, "_!%+,-./:@^"));
        format!("device {id} {} {}", self.agent, arguments.collect::<Vec<_>>().join(" "))
    }

    fn connect_line(id: &DeviceId, node: &str, arguments: &[String]) -> String {
        // Proxmox writes these without quotes at all, and can't read those with blanks again.
        let arguments = arguments.iter().map(|argument| quote(argument, "_!%+,-./:@^="));
        format!("connect {id} node={node} {}", arguments.collect::<Vec<_>>().join(" "))
    }
}

impl FenceCfg {
    /// Reads a file; every text is one.
    pub fn parse(text: &[u8]) -> Self {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        Self { lines: lines.map(|bytes| Line { reading: read(bytes), bytes: bytes.to_vec() }).collect() }
    }

    /// The file's text.
    pub fn text(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }

    /// What it says of a device.
    ///
    /// # Errors
    /// Two lines contradict each other; Proxmox refuses the whole file then.
    pub fn section(&self, id: &DeviceId) -> Result<Option<Section>, String> {
        let mut section: Option<Section> = None;
        let mut connects: Vec<(String, Vec<String>)> = Vec::new();
        for line in self.lines.iter().filter(|line| line.device() == Some(id)) {
            match &line.reading {
                Reading::Device { agent, arguments, .. } => {
                    let new = Section { agent: agent.clone(), arguments: arguments.clone(), connects: Vec::new() };
                    if section.replace(new).is_some() {
                        return Err(format!("the device {id} is declared twice"));
                    }
                }
                Reading::Connect { node: Some(node), arguments, .. } => {
                    if connects.iter().any(|(known, _)| known == node) {
                        return Err(format!("the node {node} is connected to the device {id} twice"));
                    }
                    connects.push((node.clone(), arguments.clone()));
                }
                _ => {}
            }
        }
        Ok(section.map(|section| Section { connects, ..section }))
    }

    /// The lines of a device as they are: what an edit is compared by.
    pub fn own_text(&self, id: &DeviceId) -> Vec<u8> {
        let own = self.lines.iter().filter(|line| line.device() == Some(id));
        own.flat_map(|line| line.bytes.iter().copied()).collect()
    }

    /// The devices, in the order of their declarations.
    pub fn devices(&self) -> Vec<DeviceId> {
        let mut devices: Vec<DeviceId> = Vec::new();
        for line in &self.lines {
            if let Reading::Device { id, .. } = &line.reading
                && !devices.contains(id)
            {
                devices.push(id.clone());
            }
        }
        devices
    }

    /// The names of the devices in the order in which they are tried: that of their first declarations.
    pub fn order(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for line in &self.lines {
            if let Reading::Device { id, .. } = &line.reading
                && !names.contains(&id.name.as_str())
            {
                names.push(&id.name);
            }
        }
        names
    }

    /// The name of the device that is tried before `name`.
    pub fn before(&self, name: &str) -> Option<&str> {
        let order = self.order();
        let at = order.iter().position(|known| *known == name)?;
        at.checked_sub(1).map(|at| order[at])
    }

    /// Whether `name` is tried after `other`.
    pub fn is_after(&self, name: &str, other: &str) -> bool {
        let order = self.order();
        let at = |name: &str| order.iter().position(|known| *known == name);
        at(other).zip(at(name)).is_some_and(|(other, name)| other < name)
    }

    /// Makes a device what `section` says: only lines that differ are touched; new lines follow the device's last line,
    /// and a new device is added at the end.
    ///
    /// # Errors
    /// Proxmox would skip a line of it; nothing is changed then.
    pub fn put(&mut self, id: &DeviceId, section: &Section) -> Result<(), String> {
        section.check()?;
        let mut missing = section.connects.clone();
        let mut is_declared = false;
        self.lines.retain_mut(|line| {
            if line.device() != Some(id) {
                return true;
            }
            let replacement = match &line.reading {
                Reading::Device { agent, arguments, .. } if !is_declared => {
                    is_declared = true;
                    let same = *agent == section.agent && alike(arguments, &section.arguments);
                    (!same).then(|| section.device_line(id))
                }
                Reading::Connect { node: Some(node), arguments, .. } => {
                    let Some(at) = missing.iter().position(|(missing, _)| missing == node) else { return false };
                    let (node, connection) = missing.remove(at);
                    (!alike(arguments, &connection)).then(|| Section::connect_line(id, &node, &connection))
                }
                _ => return false,
            };
            if let Some(text) = replacement {
                line.rewrite(&text);
            }
            true
        });
        if !is_declared {
            self.lines.retain(|line| line.device() != Some(id));
            self.append_line(String::new());
            self.append_line(section.device_line(id));
            missing.clone_from(&section.connects);
        }
        missing.sort();
        let mut at = self.last(|line| line.device() == Some(id));
        for (node, arguments) in missing {
            at = self.insert(at, &Section::connect_line(id, &node, &arguments));
        }
        Ok(())
    }

    /// Moves a device, with its connections, behind the last line of the devices called `other`.
    ///
    /// # Errors
    /// Says why that doesn't bring it there.
    pub fn move_after(&mut self, id: &DeviceId, other: &str) -> Result<(), String> {
        if self.before(&id.name) == Some(other) {
            return Ok(());
        }
        if other == id.name {
            return Err("a device can't be placed after itself".to_owned());
        }
        if !self.order().contains(&other) {
            return Err(format!("there is no fence device {other}"));
        }
        let own = self.lines.iter().filter(|line| line.device() == Some(id)).cloned();
        let (devices, connects): (Vec<Line>, Vec<Line>) =
            own.partition(|line| matches!(line.reading, Reading::Device { .. }));
        self.remove(id);
        let mut at = self.last(|line| line.device().is_some_and(|id| id.name == other));
        at = self.insert(at, "");
        for line in devices.into_iter().chain(connects) {
            let text = String::from_utf8_lossy(line.body()).into_owned();
            at = self.insert(at, &text);
        }
        if self.is_after(&id.name, other) {
            return Ok(());
        }
        Err(format!(
            "another device called {} is declared before {other}, and the first declaration gives a name its place",
            id.name
        ))
    }

    /// Takes a device out, with the blank line in front of it.
    pub fn remove(&mut self, id: &DeviceId) {
        let declared = |line: &Line| line.device() == Some(id) && matches!(line.reading, Reading::Device { .. });
        if let Some(at) = self.lines.iter().position(declared)
            && at.checked_sub(1).is_some_and(|before| self.lines[before].reading == Reading::Blank)
        {
            self.lines.remove(at - 1);
        }
        self.lines.retain(|line| line.device() != Some(id));
    }

    /// What Proxmox complains of; with a single complaint it reads nothing of the file at all.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut declared: Vec<&DeviceId> = Vec::new();
        let mut connected: Vec<(&DeviceId, &str)> = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let problem = match &line.reading {
                Reading::Device { id, .. } if declared.contains(&id) => Some(format!("device '{id}' already declared")),
                Reading::Device { id, .. } => {
                    declared.push(id);
                    None
                }
                Reading::Connect { id, node, .. } => {
                    let name = &id.name;
                    if !declared.iter().any(|known| known.name == *name) {
                        Some(format!("device '{name}' must be declared before you can connect to it"))
                    } else if !declared.contains(&id) {
                        Some(format!("No parallel device '{id}' found"))
                    } else if let Some(node) = node {
                        let twice = connected.contains(&(id, node));
                        connected.push((id, node));
                        twice.then(|| format!("node '{node}' already connected to device '{id}'"))
                    } else {
                        Some(format!("node=nodename needed to connect device '{name}' to node"))
                    }
                }
                Reading::Blank | Reading::Skipped => None,
            };
            complaints.extend(problem.map(|problem| format!("line {}: {problem}", at + 1)));
        }
        complaints
    }

    /// The place after the last line that `which` picks; the end if it picks no line.
    fn last(&self, which: impl Fn(&Line) -> bool) -> usize {
        self.lines.iter().rposition(which).map_or(self.lines.len(), |at| at + 1)
    }

    fn append_line(&mut self, text: String) {
        self.insert(self.lines.len(), &text);
    }

    /// Inserts a line, and closes the one before it if it is the last one of a file that ends without a line feed.
    fn insert(&mut self, at: usize, text: &str) -> usize {
        if let Some(before) = at.checked_sub(1)
            && !self.lines[before].bytes.ends_with(b"\n")
        {
            self.lines[before].bytes.push(b'\n');
        }
        let bytes = format!("{text}\n").into_bytes();
        self.lines.insert(at, Line { reading: read(&bytes), bytes });
        at + 1
    }
}

impl Line {
    fn device(&self) -> Option<&DeviceId> {
        match &self.reading {
            Reading::Device { id, .. } | Reading::Connect { id, .. } => Some(id),
            Reading::Blank | Reading::Skipped => None,
        }
    }

    /// Without its end.
    fn body(&self) -> &[u8] {
        let body = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        body.strip_suffix(b"\r").unwrap_or(body)
    }

    /// Makes it `text`, with the end that it had.
    fn rewrite(&mut self, text: &str) {
        let end = self.bytes.split_off(self.body().len());
        self.bytes = [text.as_bytes(), &end].concat();
        self.reading = read(&self.bytes);
    }
}

/// What Proxmox reads in a line: keyword, word, word, and at least one more character. All else is skipped.
fn read(bytes: &[u8]) -> Reading {
    let text = String::from_utf8_lossy(bytes);
    let line = text.trim_matches([' ', '\t', '\n']);
    if line.trim().is_empty() {
        return Reading::Blank;
    }
    if line.starts_with('#') {
        return Reading::Skipped;
    }
    let Some((keyword, rest)) = word(line) else { return Reading::Skipped };
    let Some((device, rest)) = word(rest) else { return Reading::Skipped };
    let Some((third, rest)) = word(rest) else { return Reading::Skipped };
    let (Some(id), false) = (DeviceId::read(device), rest.is_empty()) else { return Reading::Skipped };
    let arguments = split(rest);
    match keyword {
        "device" => Reading::Device { id, agent: third.to_owned(), arguments },
        "connect" => {
            let node = third.strip_prefix("node=").map(|node| {
                let end = node.bytes().position(|b| !is_word(b)).unwrap_or(node.len());
                node[..end].to_owned()
            });
            Reading::Connect { id, node: node.filter(|node| !node.is_empty()), arguments }
        }
        _ => Reading::Skipped,
    }
}

/// The first word, and what follows the blanks behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (!word.is_empty()).then(|| (word, rest.trim_start_matches(|c: char| c.is_ascii_whitespace())))
}

/// The order of arguments makes no difference to an agent.
fn alike(a: &[String], b: &[String]) -> bool {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests;
