//! The output of the demo: a line for each step, with what it proves and how long it took, and a table at the end.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// The lines printed so far, and whether all was well.
pub(crate) struct Report {
    begun: Instant,
    passed: usize,
    failed: usize,
    table: Vec<(String, String)>,
    last: String,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), passed: 0, failed: 0, table: Vec::new(), last: String::new() }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("{text}\n");
    }

    /// A headline between steps.
    pub(crate) fn chapter(&self, text: &str) {
        println!("\n{text}");
    }

    /// Runs a step and prints how it went.
    pub(crate) fn step<T, E: Display>(
        &mut self,
        name: &str,
        proves: &str,
        step: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        let outcome = step().map_err(|error| error.to_string());
        let mark = if outcome.is_ok() { "✓" } else { "✗" };
        println!("  {mark} {name:<20} {proves:<70} {:>7}", seconds(begun.elapsed()));
        match &outcome {
            Ok(_) => self.passed += 1,
            Err(_) => self.failed += 1,
        }
        outcome
    }

    pub(crate) fn say(&self, text: &str) {
        println!("{text}");
    }

    /// What the CLI said, word for word, below the step that it belongs to.
    pub(crate) fn quote(&self, text: &str) {
        println!("\n{}", indented(text));
    }

    /// The text below the closing table.
    pub(crate) fn last(&mut self, text: String) {
        self.last = text;
    }

    /// A row of the closing table.
    pub(crate) fn row(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.table.push((name.into(), value.into()));
    }

    /// Why the demo ends early.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.failed = self.failed.max(1);
        println!("\n{}", indented(reason.trim_end()));
    }

    /// Prints the table; whether everything was as said.
    pub(crate) fn close(mut self) -> bool {
        let checks = format!("{} passed, {} failed, in {}", self.passed, self.failed, seconds(self.begun.elapsed()));
        self.row("checks", checks);
        let wide = |width: usize, text: &str| width.max(text.chars().count());
        let left = self.table.iter().fold(0, |width, (name, _)| wide(width, name));
        let right = self.table.iter().flat_map(|(_, value)| value.lines()).fold(0, wide);
        let rule = |a: char, b: char, c: char| println!("{a}{}{b}{}{c}", "─".repeat(left + 2), "─".repeat(right + 2));
        println!();
        rule('┌', '┬', '┐');
        for (name, value) in &self.table {
            for (at, line) in value.lines().enumerate() {
                println!("│ {:<left$} │ {line:<right$} │", if at == 0 { name } else { "" });
            }
        }
        rule('└', '┴', '┘');
        print!("{}", self.last);
        self.failed == 0
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect()
}
