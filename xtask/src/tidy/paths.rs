//! Which paths a source file names, resolved from its crate's root: `use` trees, `crate::`, `self::`, `super::` and the
//! names of other crates.

use super::tokens::{Token, tokens};

/// A path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// From its crate's name on.
    pub path: Vec<String>,
    /// The line, counted from 1.
    pub line: usize,
    /// Whether that is in a module `tests`.
    pub in_tests: bool,
}

/// The paths that `source` names. `module` is the module of the file.
pub fn paths(source: &str, module: &[&str]) -> Vec<Named> {
    let mut reader = Reader {
        tokens: tokens(source),
        at: 0,
        module: module.iter().map(|&name| name.to_owned()).collect(),
        paths: Vec::new(),
    };
    reader.read();
    reader.paths
}

struct Reader {
    tokens: Vec<(Token, usize)>,
    at: usize,
    module: Vec<String>,
    paths: Vec<Named>,
}

impl Reader {
    fn read(&mut self) {
        let mut depth = 0;
        // The depths at which inline modules opened: `super` counts them.
        let mut inline: Vec<usize> = Vec::new();
        while let Some((token, _)) = self.tokens.get(self.at).cloned() {
            match token {
                Token::Name(name) if name == "mod" && self.mark(2) == Some('{') => {
                    self.module.extend(self.name(1));
                    depth += 1;
                    inline.push(depth);
                    self.at += 3;
                }
                Token::Name(_) if self.tokens.get(self.at + 1).is_some_and(|(next, _)| *next == Token::Path) => {
                    self.tree(Vec::new());
                }
                Token::Path => self.at += 2,
                Token::Mark('{') => {
                    depth += 1;
                    self.at += 1;
                }
                Token::Mark('}') => {
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        self.module.pop();
                    }
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    /// One path or `use` tree below `prefix`; afterwards `at` is behind it.
    fn tree(&mut self, mut prefix: Vec<String>) {
        let line = self.tokens.get(self.at).map_or(0, |(_, line)| *line);
        while let Some(name) = self.name(0) {
            prefix.push(name);
            self.at += 1;
            if self.tokens.get(self.at).is_none_or(|(next, _)| *next != Token::Path) {
                break;
            }
            self.at += 1;
        }
        if self.mark(0) != Some('{') || self.tokens.get(self.at.wrapping_sub(1)).is_none_or(|(t, _)| *t != Token::Path)
        {
            let in_tests = self.module.iter().any(|module| module == "tests");
            self.paths.push(Named { path: self.resolved(&prefix), line, in_tests });
            return;
        }
        self.at += 1;
        while let Some((token, _)) = self.tokens.get(self.at) {
            match token {
                Token::Mark('}') => {
                    self.at += 1;
                    return;
                }
                Token::Name(name) if name == "as" => self.at += 2,
                Token::Name(_) => self.tree(prefix.clone()),
                _ => self.at += 1,
            }
        }
    }

    fn resolved(&self, path: &[String]) -> Vec<String> {
        let mut rest = path.iter().map(String::as_str).peekable();
        let mut base: Vec<String> = match rest.peek() {
            Some(&"crate") => self.module.iter().take(1).cloned().collect(),
            Some(&"self" | &"super") => self.module.clone(),
            _ => return path.to_vec(),
        };
        while let Some(step) = rest.next_if(|step| matches!(*step, "crate" | "self" | "super")) {
            if step == "super" && base.len() > 1 {
                base.pop();
            }
        }
        base.extend(rest.map(str::to_owned));
        base
    }

    fn name(&self, ahead: usize) -> Option<String> {
        match self.tokens.get(self.at + ahead) {
            Some((Token::Name(name), _)) => Some(name.clone()),
            _ => None,
        }
    }

    fn mark(&self, ahead: usize) -> Option<char> {
        match self.tokens.get(self.at + ahead) {
            Some((Token::Mark(mark), _)) => Some(*mark),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        paths(source, &["provider", "client", "retry"]).into_iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn use_trees_are_unfolded() {
        let source = "use crate::{client::{self, Error as E}, framework};\nuse std::io;";
        assert_eq!(
            found(source),
            ["provider::client::self", "provider::client::Error", "provider::framework", "std::io"]
        );
    }

    #[test]
    fn paths_in_code_count() {
        assert_eq!(found("fn f(x: &crate::a::B) { tonic::c() }"), ["provider::a::B", "tonic::c"]);
        assert_eq!(found("pub(crate) fn f<T: D>() { T::g(); Vec::<T>::new() }"), ["T::g", "Vec"]);
    }

    #[test]
    fn super_climbs_through_inline_modules() {
        assert_eq!(found("use super::x::Y;"), ["provider::client::x::Y"]);
        assert_eq!(found("use super::super::x;"), ["provider::x"]);
        let inline = "mod tests { use super::super::x; fn f() {} } use super::y;";
        assert_eq!(found(inline), ["provider::client::x", "provider::client::y"]);
    }

    #[test]
    fn the_line_is_that_of_the_branch() {
        let source = "use crate::{\n  a::b,\n  c,\n};";
        let lines: Vec<_> = paths(source, &["p"]).into_iter().map(|named| named.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
