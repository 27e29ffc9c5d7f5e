//! Hostile input for the reader of section config files.

use crate::schema::Prop;
use crate::section_config::{Codec, FileType, Opt, Plugin};

/// A section config file: what is read is written as what reads the same.
pub fn section_config(data: &[u8]) {
    // A character for each byte, as Perl holds a file.
    let text: String = data.iter().copied().map(char::from).collect();
    for typed_ids in [false, true] {
        let file = file(typed_ids);
        let mut sections = file.parse(&text);
        // Proxmox escapes no percent sign in a comment, so that one may read as another text the next time. An integer
        // beyond 64 bits becomes a float in Perl, is written with an exponent, and is no integer the next time.
        for section in &mut sections.list {
            section.values.retain(|_, value| !value.is_f64());
            if section.values.get("comment").is_some_and(|comment| comment.to_string().contains('%')) {
                section.values.remove("comment");
            }
        }
        let Ok(written) = file.render(&sections) else { continue };
        let again = file.parse(&written);
        let ids = |sections: &crate::section_config::Sections| {
            sections.list.iter().map(|section| section.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&sections), ids(&again), "{text:?} was written as {written:?}");
        assert_eq!(file.render(&again), Ok(written), "{text:?}");
    }
}

fn file(typed_ids: bool) -> FileType {
    let options = || {
        vec![
            Opt::optional("state", Prop::string()),
            Opt::optional("max_restart", Prop::integer()),
            Opt::optional("disable", Prop::boolean()),
            Opt::optional("comment", Prop::string()).codec(Codec::Text),
            Opt::optional("nodes", Prop::string()).codec(Codec::NodePriorities),
            Opt::optional("resources", Prop::string()).codec(Codec::SortedSet),
        ]
    };
    FileType {
        plugins: vec![Plugin { kind: "ct", options: options() }, Plugin { kind: "vm", options: options() }],
        typed_ids,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::section_config;

    #[test]
    fn damaged_files_make_the_reader_neither_panic_nor_contradict_itself() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/section_config");
        let mut inputs = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let input = fs::read(entry.unwrap().path()).unwrap();
            inputs += 1;
            for at in 0..input.len() {
                section_config(&input[..at]);
                for byte in *b"\0\n\t :%,0\xff\xc3" {
                    let mut damaged = input.clone();
                    damaged[at] = byte;
                    section_config(&damaged);
                    damaged.insert(at, byte);
                    section_config(&damaged);
                }
            }
        }
        assert!(inputs >= 2);
    }
}
