//! `/etc/default/pve-ha-manager`: assignments as systemd's `EnvironmentFile=` reads them. Only our line ever changes.

const KEY: &str = "WATCHDOG_MODULE";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Each with its line feed, if it has one.
    lines: Vec<String>,
}

impl Defaults {
    /// Reads the file; every text is one.
    pub fn parse(text: &str) -> Self {
        Self { lines: text.split_inclusive('\n').map(str::to_owned).collect() }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.lines.concat()
    }

    /// The module that is set: the last assignment counts, and an empty one sets no module.
    pub fn module(&self) -> Option<&str> {
        self.lines.iter().rev().find_map(|line| value(line)).filter(|module| !module.is_empty())
    }

    /// Sets the module, in the place of the last assignment, else behind the comment that shows how.
    pub fn set(&mut self, module: &str) {
        if self.module() == Some(module) {
            return;
        }
        let line = format!("{KEY}={module}\n");
        if let Some(at) = self.lines.iter().rposition(|line| value(line).is_some()) {
            self.lines[at] = line;
            return;
        }
        let shown = |line: &String| line.trim_start().starts_with('#') && line.contains(&format!("{KEY}="));
        let at = self.lines.iter().rposition(shown).map_or(self.lines.len(), |at| at + 1);
        if let Some(before) = at.checked_sub(1)
            && !self.lines[before].ends_with('\n')
        {
            self.lines[before].push('\n');
        }
        self.lines.insert(at, line);
    }

    /// Returns to the default: no assignment at all.
    pub fn unset(&mut self) {
        self.lines.retain(|line| value(line).is_none());
    }
}

/// What a line assigns to the module.
fn value(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let bare = [('"', '"'), ('\'', '\'')].iter().find_map(|(open, close)| {
        let inner = value.strip_prefix(*open)?.strip_suffix(*close)?;
        (!inner.contains(*open)).then_some(inner)
    });
    (key.trim() == KEY).then(|| bare.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = "# select watchdog module (default is softdog)\n#WATCHDOG_MODULE=ipmi_watchdog\n";

    fn after(text: &str, change: impl Fn(&mut Defaults)) -> String {
        let mut defaults = Defaults::parse(text);
        assert_eq!(defaults.text(), text);
        change(&mut defaults);
        defaults.text()
    }

    #[test]
    fn the_shipped_file_sets_nothing() {
        assert_eq!(Defaults::parse(SHIPPED).module(), None);
        assert_eq!(Defaults::parse("").module(), None);
    }

    #[test]
    fn set_and_unset_leave_no_trace() {
        for text in [SHIPPED, "", "A=1\n", "A=1\n\n# x\n"] {
            let set = after(text, |defaults| defaults.set("iTCO_wdt"));
            assert_eq!(Defaults::parse(&set).module(), Some("iTCO_wdt"));
            assert_eq!(after(&set, Defaults::unset), text);
        }
        assert_eq!(after("A=1", |defaults| defaults.set("hpwdt")), "A=1\nWATCHDOG_MODULE=hpwdt\n");
    }

    #[test]
    fn the_last_assignment_counts_and_keeps_its_place() {
        let text = "WATCHDOG_MODULE=softdog\n  WATCHDOG_MODULE = \"ipmi_watchdog\" \nOTHER=x=y\n";
        assert_eq!(Defaults::parse(text).module(), Some("ipmi_watchdog"));
        let set = after(text, |defaults| defaults.set("hpwdt"));
        assert_eq!(set, "WATCHDOG_MODULE=softdog\nWATCHDOG_MODULE=hpwdt\nOTHER=x=y\n");
        assert_eq!(after(text, Defaults::unset), "OTHER=x=y\n");
        assert_eq!(after(text, |defaults| defaults.set("ipmi_watchdog")), text);
    }

    #[test]
    fn quotes_and_nothing_are_understood() {
        assert_eq!(Defaults::parse("WATCHDOG_MODULE='softdog'").module(), Some("softdog"));
        assert_eq!(Defaults::parse("WATCHDOG_MODULE=\n").module(), None);
        assert_eq!(Defaults::parse("export WATCHDOG_MODULE=x\n;WATCHDOG_MODULE=y\n").module(), None);
    }
}
