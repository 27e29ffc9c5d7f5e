//! The figures, with their goals where they have one.

/// Figures in sections, in the order in which they came.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Section(String),
    Figure { name: String, value: String, goal: String, missed: bool },
}

impl Report {
    pub fn section(&mut self, title: String) {
        self.lines.push(Line::Section(title));
    }

    /// A figure without a goal.
    pub fn line(&mut self, name: &str, value: String) {
        self.lines.push(Line::Figure { name: name.to_owned(), value, goal: String::new(), missed: false });
    }

    /// A figure that should be `most` or less, if `applies`.
    pub fn goal(&mut self, name: &str, value: f64, most: f64, digits: usize, unit: &str, applies: bool) {
        let shown = format!("{value:.digits$}{unit}");
        if !applies {
            return self.line(name, shown);
        }
        let missed = value > most;
        let goal = format!("{} ≤ {most}{unit}", if missed { "✗" } else { "✓" });
        self.lines.push(Line::Figure { name: name.to_owned(), value: shown, goal, missed });
    }

    /// Whether a goal was missed.
    pub fn missed(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Figure { missed: true, .. }))
    }

    pub fn print(&self) {
        for line in &self.lines {
            match line {
                Line::Section(title) => println!("\n{title}"),
                Line::Figure { name, value, goal, .. } => println!("  {name:<28}{value:>12}   {goal}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_only_where_it_applies() {
        let mut report = Report::default();
        report.goal("a", 5.0, 5.0, 0, "", true);
        report.goal("b", 6.0, 5.0, 0, "", false);
        assert!(!report.missed());
        report.goal("c", 5.1, 5.0, 1, "", true);
        assert!(report.missed());
    }
}
