//! `/etc/pve/ha/fence.cfg`: read, written, and turned into commands as `PVE::HA::FenceConfig` does it.
//!
//! Proxmox's managers never act on it; this is how they would read the file.

use serde_json::{Map, Value, json};

pub const FENCE_CFG: &str = "/etc/pve/ha/fence.cfg";

/// The devices by name, in the order of their first declaration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FenceConfig {
    devices: Vec<Device>,
}

#[derive(Clone, Debug, PartialEq)]
struct Device {
    name: String,
    priority: usize,
    /// Parallel devices by number; numbers are texts, so that 10 comes before 3.
    parts: Vec<(String, Part)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    agent: String,
    arguments: Vec<String>,
    nodes: Vec<(String, Vec<String>)>,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The devices, or what `die` says.
    pub config: Result<FenceConfig, String>,
    /// The lines that are passed over.
    pub warnings: Vec<String>,
}

#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    let mut warnings = Vec::new();
    let mut errors = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line == "0" || line.starts_with('#') {
            continue;
        }
        match Line::parse(line) {
            None => warnings.push(format!("{FENCE_CFG} ignore line {number}: {line}\n")),
            Some(parsed) => {
                if let Err(why) = reader.take(parsed) {
                    errors.push(format!("line {number}: {why}\n"));
                }
            }
        }
    }
    let config = if errors.is_empty() {
        Ok(FenceConfig { devices: reader.devices })
    } else {
        Err(format!("Encountered error(s) on parsing '{FENCE_CFG}':\n{}", errors.concat()))
    };
    Parsed { config, warnings }
}

/// Keyword, name, third word, and the rest.
struct Line<'l> {
    declares: bool,
    name: &'l str,
    third: &'l str,
    rest: &'l str,
}

impl<'l> Line<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let blank = |c: char| c.is_ascii_whitespace() || c == '\x0b';
        let word = |text: &'l str| {
            let end = text.find(blank)?;
            Some((&text[..end], text[end..].trim_start_matches(blank)))
        };
        let (keyword, rest) = word(line)?;
        let declares = match keyword {
            "device" => true,
            "connect" => false,
            _ => return None,
        };
        let (name, rest) = word(rest)?;
        let (third, rest) = word(rest)?;
        // Only blanks and TABs are cut from the line before, so that a carriage return behind a blank does for the
        // argument that there has to be.
        let has_more = !rest.is_empty() || line.len() - (line.trim_end_matches(blank).len()) > 1;
        has_more.then_some(Self { declares, name, third, rest })
    }
}

#[derive(Default)]
struct Reader {
    devices: Vec<Device>,
    next_priority: usize,
}

impl Reader {
    fn take(&mut self, line: Line<'_>) -> Result<(), String> {
        let (name, number) = split_name(line.name);
        let arguments = split_arguments(line.rest);
        if line.declares {
            self.declare(name, number, line.third, arguments)
        } else {
            self.connect(name, number, line.third, arguments)
        }
    }

    fn declare(&mut self, name: String, number: String, agent: &str, arguments: Vec<String>) -> Result<(), String> {
        let at = match self.devices.iter().position(|device| device.name == name) {
            Some(at) => at,
            None => {
                self.devices.push(Device { name: name.clone(), priority: 0, parts: Vec::new() });
                self.devices.len() - 1
            }
        };
        let device = &mut self.devices[at];
        if device.parts.iter().any(|(other, _)| *other == number) {
            return Err(format!("device '{name}:{number}' already declared"));
        }
        device.parts.push((number, Part { agent: agent.to_owned(), arguments, nodes: Vec::new() }));
        device.parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        // Priority 0 counts as none, so that the first device gets another one when it is declared again.
        if device.priority == 0 {
            device.priority = self.next_priority;
            self.next_priority += 1;
        }
        Ok(())
    }

    fn connect(&mut self, name: String, number: String, target: &str, arguments: Vec<String>) -> Result<(), String> {
        let device = self.devices.iter_mut().find(|device| device.name == name);
        let device = device.ok_or_else(|| format!("device '{name}' must be declared before you can connect to it"))?;
        let part = device.parts.iter_mut().find(|(other, _)| *other == number);
        let (_, part) = part.ok_or_else(|| format!("No parallel device '{name}:{number}' found"))?;
        let mut named = target.match_indices("node=").map(|(at, found)| leading_word(&target[at + found.len()..]));
        let node = named.find(|node| !node.is_empty()).filter(|node| *node != "0");
        let node = node.ok_or_else(|| format!("node=nodename needed to connect device '{name}' to node"))?;
        if part.nodes.iter().any(|(other, _)| other == node) {
            return Err(format!("node '{node}' already connected to device '{name}:{number}'"));
        }
        part.nodes.push((node.to_owned(), arguments));
        part.nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(())
    }
}

impl FenceConfig {
    /// The text Proxmox writes.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for device in self.by_priority() {
            for (number, part) in &device.parts {
                let arguments: Vec<String> = part.arguments.iter().map(|argument| quote(argument)).collect();
                text.push_str(&format!("\ndevice {}:{number} {} {}\n", device.name, part.agent, arguments.join(" ")));
                for (node, arguments) in &part.nodes {
                    text.push_str(&format!("connect {}:{number} node={node} {}\n", device.name, arguments.join(" ")));
                }
            }
        }
        text
    }

    /// What would be run to fence a node in the attempt with that number, counted from 0; null if nothing is left.
    #[must_use]
    pub fn commands(&self, node: &str, attempt: usize) -> Value {
        let of = |device: &&Device| {
            let commands: Vec<Value> = device
                .parts
                .iter()
                .filter_map(|(number, part)| {
                    let (_, arguments) = part.nodes.iter().find(|(other, _)| other == node)?;
                    let all: Vec<&String> = part.arguments.iter().chain(arguments).collect();
                    Some(json!({"agent": part.agent, "sub_dev": number, "param": all}))
                })
                .collect();
            (!commands.is_empty()).then_some(Value::Array(commands))
        };
        self.by_priority().iter().filter_map(of).nth(attempt).unwrap_or_default()
    }

    /// The devices as Proxmox keeps them.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let part = |part: &Part| {
            let mut value = json!({"agent": part.agent, "args": part.arguments});
            if !part.nodes.is_empty() {
                value["node_args"] =
                    part.nodes.iter().map(|(node, words)| (node.clone(), json!(words))).collect::<Map<_, _>>().into();
            }
            value
        };
        let device = |device: &Device| {
            let parts: Map<String, Value> = device.parts.iter().map(|(number, p)| (number.clone(), part(p))).collect();
            (device.name.clone(), json!({"priority": device.priority, "sub_devs": parts}))
        };
        Value::Object(self.devices.iter().map(device).collect())
    }

    fn by_priority(&self) -> Vec<&Device> {
        let mut devices: Vec<&Device> = self.devices.iter().collect();
        devices.sort_by_key(|device| device.priority);
        devices
    }
}

/// `^(\w+)(:(\d+))?`, not anchored at the end: whatever follows is cut. Number 0 counts as missing, and a missing one as 1.
fn split_name(text: &str) -> (String, String) {
    let name = leading_word(text);
    if name.is_empty() {
        return (text.to_owned(), "1".to_owned());
    }
    let digits = text[name.len()..].strip_prefix(':').unwrap_or_default();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = if matches!(&digits[..end], "" | "0") { "1" } else { &digits[..end] };
    (name.to_owned(), number.to_owned())
}

fn leading_word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// `Text::ParseWords::shellwords`: with a quote that isn't closed there is no word at all.
fn split_arguments(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.trim_start().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            quote @ ('"' | '\'') => {
                let word = word.get_or_insert_with(String::new);
                loop {
                    match chars.next() {
                        None => return Vec::new(),
                        Some(end) if end == quote => break,
                        Some('\\') => {
                            let Some(next) = chars.next() else { return Vec::new() };
                            // In single quotes a backslash is literal.
                            if quote == '\'' {
                                word.push('\\');
                            }
                            word.push(next);
                        }
                        Some(other) => word.push(other),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(next) => word.get_or_insert_with(String::new).push(next),
                None => return Vec::new(),
            },
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_with(String::new).push(other),
        }
    }
    words.extend(word);
    words
}

/// `String::ShellQuote` for one word.
fn quote(word: &str) -> String {
    if word.is_empty() {
        return "''".to_owned();
    }
    // A word with `=` in the first place would be an assignment.
    let safe = |c: char| c.is_alphanumeric() || "_!%+,-./:@^".contains(c);
    if word.chars().all(safe) {
        return word.to_owned();
    }
    let quoted = format!("'{}'", word.replace('\'', r"'\''"));
    let quoted = quoted.strip_prefix("''").unwrap_or(&quoted);
    quoted.strip_suffix("''").unwrap_or(quoted).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> FenceConfig {
        parse(text).config.unwrap()
    }

    #[test]
    fn a_device_in_several_pieces_loses_the_first_priority() {
        let config = read("device one:1 fence_a a=1\ndevice one:2 fence_a a=2\ndevice two fence_b b=1\n").as_json();
        assert_eq!((&config["one"]["priority"], &config["two"]["priority"]), (&json!(1), &json!(2)));
    }

    #[test]
    fn numbers_are_sorted_as_texts() {
        let text = read("device d:3 fence_a a=1\ndevice d:10 fence_a a=2\n").render();
        assert_eq!(text, "\ndevice d:10 fence_a 'a=2'\n\ndevice d:3 fence_a 'a=1'\n");
    }

    #[test]
    fn quotes_work_as_perl_reads_them() {
        assert_eq!(split_arguments(r#"a="b c" 'd\e' f\ g ''"#), ["a=b c", r"d\e", "f g", ""]);
        assert!(split_arguments("a=1 'b").is_empty());
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!((quote("lanplus"), quote("")), ("lanplus".to_owned(), "''".to_owned()));
    }

    #[test]
    fn the_node_is_the_first_word_behind_an_equals_sign() {
        let config = read("device d fence_a a=1\nconnect d x-node=-node=pve1.lan p=1\n");
        assert_eq!(config.as_json()["d"]["sub_devs"]["1"]["node_args"], json!({"pve1": ["p=1"]}));
        assert!(parse("device d fence_a a=1\nconnect d node=- p=1\n").config.is_err());
    }

    #[test]
    fn every_bad_line_is_reported() {
        let error = parse("device d fence_x a=1\r\ndevice d fence_x a=2\nconnect e node=n p=1\n").config.unwrap_err();
        let lines: Vec<&str> = error.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "line 2: device 'd:1' already declared",
                "line 3: device 'e' must be declared before you can connect to it"
            ]
        );
    }
}
