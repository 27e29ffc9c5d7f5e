//! The figures of a comparison as a Markdown table and as an SVG.

use std::fmt::Write as _;
use std::time::Duration;

use super::compare::Figures;

const MISSING: &str = "–";

/// A table with a row for each subject and size.
pub fn table(figures: &[Figures]) -> String {
    let mut text = String::from(
        "| latency | HA resources | | apply | requests | refresh | requests | CPU of the provider | CPU with the CLI | destroy | requests |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in figures {
        let pair = |pair: Option<(Duration, u64)>| {
            pair.map_or([MISSING.to_owned(), MISSING.to_owned()], |(took, requests)| {
                [seconds(took), requests.to_string()]
            })
        };
        let [apply, created] = pair(row.apply);
        let [refresh, read] = pair(row.refresh.map(|refresh| (refresh.took, refresh.requests)));
        let [destroy, deleted] = pair(row.destroy);
        let [provider, total] = row.refresh.map_or([MISSING.to_owned(), MISSING.to_owned()], |refresh| {
            [seconds(refresh.provider), seconds(refresh.total)]
        });
        let Figures { latency_ms, count, subject, .. } = row;
        let _ = writeln!(
            text,
            "| {latency_ms} ms | {count} | {subject} | {apply} | {created} | {refresh} | {read} | {provider} | {total} | {destroy} | {deleted} |"
        );
    }
    text
}

const WIDTH: usize = 720;
const ROW: usize = 22;
const LABEL: usize = 260;

/// Bars of the refreshes: how long each takes with the CLI, and, darker, the CPU time of the provider.
pub fn svg(figures: &[Figures]) -> String {
    let rows: Vec<_> = figures.iter().filter_map(|row| row.refresh.map(|refresh| (row, refresh))).collect();
    let longest = rows.iter().map(|(_, refresh)| refresh.took.as_secs_f64()).fold(0.001, f64::max);
    let height = (rows.len() + 2) * ROW;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"16\" font-weight=\"bold\">Refresh with the CLI (light), CPU time of the provider (dark)</text>\n"
    );
    for (position, (row, refresh)) in rows.iter().enumerate() {
        let top = (position + 1) * ROW + 4;
        let scale = (WIDTH - LABEL - 80) as f64 / longest;
        let bar = |duration: Duration| (duration.as_secs_f64() * scale).max(1.0);
        let Figures { subject, count, latency_ms, .. } = row;
        let _ = write!(
            text,
            "<text x=\"8\" y=\"{}\">{subject}, {count}, {latency_ms} ms</text>\n\
             <rect x=\"{LABEL}\" y=\"{top}\" width=\"{:.1}\" height=\"14\" fill=\"#9bd\"/>\n\
             <rect x=\"{LABEL}\" y=\"{top}\" width=\"{:.1}\" height=\"14\" fill=\"#257\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{}</text>\n",
            top + 11,
            bar(refresh.took),
            bar(refresh.provider),
            LABEL as f64 + bar(refresh.took) + 6.0,
            top + 11,
            seconds(refresh.took)
        );
    }
    text + "</svg>\n"
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::Refresh;

    fn figures() -> Vec<Figures> {
        let second = Duration::from_secs(1);
        let raw = Figures {
            subject: "raw POSTs".to_owned(),
            count: 100,
            latency_ms: 20,
            apply: Some((second, 100)),
            refresh: None,
            destroy: None,
        };
        let refresh = Refresh { took: second * 2, requests: 5, provider: second / 10, total: second * 3 };
        let own = Figures { subject: "pve-ha/pve".to_owned(), refresh: Some(refresh), ..raw.clone() };
        vec![raw, own]
    }

    #[test]
    fn each_row_has_what_was_measured_and_no_more() {
        let table = table(&figures());
        assert!(table.contains("| 20 ms | 100 | raw POSTs | 1.00 s | 100 | – | – | – | – | – | – |"), "{table}");
        assert!(
            table.contains("| 20 ms | 100 | pve-ha/pve | 1.00 s | 100 | 2.00 s | 5 | 0.10 s | 3.00 s | – | – |"),
            "{table}"
        );
    }

    #[test]
    fn the_chart_has_a_bar_for_each_refresh() {
        let chart = svg(&figures());
        assert_eq!(chart.matches("fill=\"#257\"").count(), 1, "{chart}");
        assert!(chart.contains("pve-ha/pve, 100, 20 ms") && chart.ends_with("</svg>\n"), "{chart}");
    }
}
