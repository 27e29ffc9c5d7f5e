//! How Proxmox's own programs print an answer: as JSON, or as a table of `PVE::CLIFormatter`.

use serde_json::{Map, Value, json};

use super::Io;
use crate::schema::check::perl_text;

/// JSON in one line, keys in order.
pub(super) fn compact(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = sorted(members)
                .into_iter()
                .map(|(name, member)| format!("{}:{}", json!(name), compact(member)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

/// JSON as Perl's module prints it for people.
pub(super) fn pretty(value: &Value) -> String {
    format!("{}\n", indented(value, 0))
}

fn indented(value: &Value, depth: usize) -> String {
    let (inner, outer) = ("   ".repeat(depth + 1), "   ".repeat(depth));
    match value {
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(members) => {
            let lines: Vec<String> = sorted(members)
                .into_iter()
                .map(|(name, member)| format!("{inner}{} : {}", json!(name), indented(member, depth + 1)))
                .collect();
            format!("{{\n{}\n{outer}}}", lines.join(",\n"))
        }
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(|item| format!("{inner}{}", indented(item, depth + 1))).collect();
            format!("[\n{}\n{outer}]", lines.join(",\n"))
        }
        scalar => scalar.to_string(),
    }
}

fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    members
}

/// A table as `PVE::CLIFormatter` draws it.
pub(super) fn table(columns: &[&str], rows: &[Value]) -> String {
    let cell = |row: &Value, column: &str| match row.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(value @ (Value::Object(_) | Value::Array(_))) => compact(value),
        Some(value) => perl_text(value),
    };
    let width = |column: &&str| {
        let cells = rows.iter().map(|row| cell(row, column).chars().count());
        cells.chain([column.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let rule = |left: &str, fill: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|width| fill.repeat(width + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} ")).collect();
        format!("│{}│\n", cells.join("│"))
    };
    let mut text = rule("┌", "─", "┬", "┐") + &line(columns.iter().map(|column| (*column).to_owned()).collect());
    text.push_str(&rule("╞", "═", "╪", "╡"));
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            text.push_str(&rule("├", "─", "┼", "┤"));
        }
        text.push_str(&line(columns.iter().map(|column| cell(row, column)).collect()));
    }
    text + &rule("└", "─", "┴", "┘")
}

/// Tables are sorted by their first column that no row lacks.
fn sorted_rows(columns: &[&str], rows: &[Value]) -> Vec<Value> {
    let mut rows = rows.to_vec();
    let full =
        columns.iter().find(|column| rows.iter().all(|row| row.get(**column).is_some_and(|cell| !cell.is_null())));
    if let Some(column) = full {
        rows.sort_by_key(|row| row.get(*column).map(perl_text));
    }
    rows
}

/// Prints an answer in the format asked for; `columns` are those of the table.
pub(super) fn print(io: &mut Io, value: &Value, format: &str, columns: Option<&[&str]>) {
    match format {
        "json" => io.out.push_str(&format!("{}\n", compact(value))),
        "json-pretty" => io.out.push_str(&pretty(value)),
        _ => match value {
            Value::Array(rows) if rows.is_empty() => {}
            Value::Array(rows) => {
                let mut all: Vec<&str> =
                    rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys().map(String::as_str)).collect();
                all.sort_unstable();
                all.dedup();
                let columns = columns.unwrap_or(&all);
                io.out.push_str(&table(columns, &sorted_rows(columns, rows)));
            }
            Value::Object(members) => {
                let rows: Vec<Value> =
                    sorted(members).into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
                io.out.push_str(&table(&["key", "value"], &rows));
            }
            Value::Null => {}
            scalar => io.out.push_str(&format!("{}\n", perl_text(scalar))),
        },
    }
}
