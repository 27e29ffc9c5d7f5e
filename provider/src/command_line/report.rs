//! What a run says: for people, with the progress on stderr, or as JSON Lines on stdout.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use super::outcome::{End, Outcome};
use super::{Entry, arguments};
use crate::framework::{Block, Diagnostic, Diagnostics, Ending, Progress, Severity};
use crate::terminal::{say, shown};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// The messages of one run.
pub(super) struct Report<'a> {
    start: Instant,
    block: &'a Block,
    form: Form,
}

enum Form {
    Json,
    /// Lines, such as in a log.
    Lines,
    /// A spinner with the current message, below the earlier ones.
    Terminal {
        spinner: ProgressBar,
        current: Mutex<Option<(Duration, String)>>,
    },
}

impl<'a> Report<'a> {
    pub(super) fn new(is_json: bool, entry: &Entry, block: &'a Block) -> Self {
        let form = match is_json {
            true => Form::Json,
            false if io::stderr().is_terminal() => Form::Terminal { spinner: spinner(), current: Mutex::default() },
            false => Form::Lines,
        };
        let report = Self { start: Instant::now(), block, form };
        report.json(|| json!({"type": "start", "format": 1, "command": entry.name(), "operation": entry.operation}));
        report
    }

    /// What a dry run has found.
    pub(super) fn planned(&self, steps: &[String], details: Option<&Json>) {
        if let Form::Json = self.form {
            return self.json(|| match details {
                Some(details) => json!({"type": "plan", "steps": steps, "details": details}),
                None => json!({"type": "plan", "steps": steps}),
            });
        }
        self.close();
        let text = if steps.is_empty() { "Nothing to do.".to_owned() } else { format!("This would:\n{}", list(steps)) };
        say(&mut io::stdout(), &text, ExitCode::SUCCESS);
    }

    /// Diagnostics, each with the argument that is at fault.
    pub(super) fn diagnostics(&self, diagnostics: Diagnostics) {
        if diagnostics.is_empty() {
            return;
        }
        if let Form::Json = self.form {
            for diagnostic in diagnostics {
                let argument = diagnostic.path.as_ref().and_then(|path| arguments::name(self.block, path));
                let severity = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
                let diagnostic = arguments::renamed(self.block, diagnostic);
                self.json(|| {
                    json!({"type": "diagnostic", "severity": severity, "summary": diagnostic.summary,
                        "detail": diagnostic.detail, "argument": argument})
                });
            }
            return;
        }
        self.close();
        let renamed: Vec<_> = diagnostics.into_iter().map(|one| self.attributed(one)).collect();
        self.line(shown(&renamed).trim_end());
    }

    /// A diagnostic whose summary names the argument that is at fault.
    fn attributed(&self, diagnostic: Diagnostic) -> Diagnostic {
        let name = diagnostic.path.as_ref().and_then(|path| arguments::name(self.block, path));
        let mut diagnostic = arguments::renamed(self.block, diagnostic);
        if let Some(name) = name.filter(|name| !diagnostic.summary.contains(name)) {
            diagnostic.summary += &format!(" ({name})");
        }
        diagnostic
    }

    /// A line about the run itself.
    pub(super) fn remark(&self, text: &str) {
        match &self.form {
            Form::Json => self.progress(text),
            _ => self.line(text),
        }
    }

    /// The end, and the exit code.
    pub(super) fn end(&self, outcome: Outcome) -> ExitCode {
        self.close();
        let (code, elapsed) = (outcome.code(), self.start.elapsed());
        let text = match &self.form {
            Form::Json => json!({"type": "result", "result": outcome.word(), "interrupted": outcome.is_interrupted,
                "exit_code": code, "elapsed": seconds(elapsed)})
            .to_string(),
            _ if outcome.end == End::Ran(Ending::Done) => format!("Done after {}.", shown_time(elapsed)),
            _ => return ExitCode::from(code),
        };
        say(&mut io::stdout(), &text, ExitCode::from(code))
    }

    fn steps(&self, steps: &[String]) {
        self.json(|| json!({"type": "plan", "steps": steps}));
    }

    fn progress(&self, message: &str) {
        let elapsed = seconds(self.start.elapsed());
        self.json(|| json!({"type": "progress", "elapsed": elapsed, "message": message}));
    }

    fn json(&self, document: impl FnOnce() -> Json) {
        if let Form::Json = self.form {
            // A reader that is gone does not end the operation.
            let _ = writeln!(io::stdout(), "{}", document());
        }
    }

    fn line(&self, text: &str) {
        match &self.form {
            Form::Terminal { spinner, .. } if !spinner.is_finished() => spinner.println(text),
            _ => {
                let _ = writeln!(io::stderr(), "{text}");
            }
        }
    }

    /// Leaves the current message as a line, and ends the spinner.
    fn close(&self) {
        if let Form::Terminal { spinner, current } = &self.form {
            if let Some((elapsed, text)) = current.lock().unwrap_or_else(PoisonError::into_inner).take() {
                spinner.println(timed(elapsed, &text));
            }
            spinner.finish_and_clear();
        }
    }
}

impl Progress for Report<'_> {
    fn begin(&self, steps: &[String]) {
        match &self.form {
            Form::Json => self.steps(steps),
            _ if steps.is_empty() => {}
            _ => self.line(&list(steps)),
        }
    }

    fn report(&self, message: &str) {
        let elapsed = self.start.elapsed();
        match &self.form {
            Form::Json => self.progress(message),
            Form::Lines => self.line(&timed(elapsed, message)),
            Form::Terminal { spinner, current } => {
                spinner.set_message(message.to_owned());
                let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((elapsed, earlier)) = current.replace((elapsed, message.to_owned())) {
                    spinner.println(timed(elapsed, &earlier));
                }
            }
        }
    }
}

fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(TICK);
    spinner
}

fn list(steps: &[String]) -> String {
    steps.iter().map(|step| format!("- {step}")).collect::<Vec<_>>().join("\n")
}

fn timed(elapsed: Duration, text: &str) -> String {
    format!("[{:>6}] {text}", shown_time(elapsed))
}

fn shown_time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
