//! Archives whose bytes are decided by their content: the same order, times and modes in every run.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// A file of an archive.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub content: Vec<u8>,
    /// Whether it is a program.
    pub runs: bool,
}

impl Member {
    /// A file that is read.
    pub fn text(name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: content.into(), runs: false }
    }

    /// A file that is run.
    pub fn program(name: impl Into<String>, content: Vec<u8>) -> Self {
        Self { name: name.into(), content, runs: true }
    }
}

/// How the content of an archive is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Deflate,
    /// As it is: for what is compressed already.
    Store,
}

/// A zip file of `members`, each from the time `epoch` (seconds since 1970).
///
/// # Errors
/// The time is before 1980, where the times of zip files begin, or a name occurs twice.
pub fn zip(members: &[Member], compression: Compression, epoch: i64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let method = match compression {
        Compression::Deflate => CompressionMethod::Deflated,
        Compression::Store => CompressionMethod::Stored,
    };
    let level = (compression == Compression::Deflate).then_some(9);
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(level)
        .last_modified_time(time(epoch)?)
        .system(System::Unix);
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for member in sorted {
        let mode = if member.runs { 0o755 } else { 0o644 };
        writer.start_file(&*member.name, options.unix_permissions(mode))?;
        writer.write_all(&member.content)?;
    }
    Ok(writer.finish()?.into_inner())
}

fn time(epoch: i64) -> Result<DateTime, Box<dyn std::error::Error>> {
    let utc = jiff::Timestamp::from_second(epoch)?.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8| u8::try_from(number);
    let (month, day) = (part(utc.month())?, part(utc.day())?);
    let (hour, minute, second) = (part(utc.hour())?, part(utc.minute())?, part(utc.second())?);
    Ok(DateTime::from_date_and_time(u16::try_from(utc.year())?, month, day, hour, minute, second)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_depend_on_nothing_but_the_content() {
        let a = Member::text("LICENSE", "text");
        let b = Member::program("program", vec![7; 4096]);
        let one = zip(&[a.clone(), b.clone()], Compression::Deflate, 1_700_000_000).unwrap();
        let other = zip(&[b.clone(), a.clone()], Compression::Deflate, 1_700_000_000).unwrap();
        assert!(one == other && one.len() < 1000);
        assert_ne!(one, zip(&[a.clone(), b], Compression::Deflate, 1_700_000_100).unwrap());
        assert!(zip(&[a], Compression::Store, 0).is_err(), "a year before 1980");
    }
}
