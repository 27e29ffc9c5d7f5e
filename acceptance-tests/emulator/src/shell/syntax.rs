//! The syntax of the shell: a command line becomes a tree. POSIX, without arithmetic and functions.
//!
//! Invariant: nothing is expanded here; the tree holds words as they were written, quotes told apart.

use super::lexer::{Lexer, Token};

/// And-or lists one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct List(pub(super) Vec<AndOr>);

/// Pipelines joined by `&&` (true) and `||`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(bool, Pipeline)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) body: Body,
    pub(super) redirects: Vec<Redirect>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word> },
    Group(List),
    Subshell(List),
    If { branches: Vec<(List, List)>, otherwise: Option<List> },
    Loop { until: bool, condition: List, body: List },
    For { name: String, words: Option<Vec<Word>>, body: List },
    Case { word: Word, arms: Vec<(Vec<Word>, List)> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Redirect {
    pub(super) fd: u8,
    pub(super) kind: RedirectKind,
    pub(super) target: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RedirectKind {
    Read,
    Write,
    Append,
    /// `>&1`, `<&-`
    Duplicate,
    /// The target is the text itself.
    Here,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Word(pub(super) Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text { text: String, quoted: bool },
    Parameter { name: String, operation: Option<(String, Word)>, quoted: bool },
    Substitution { list: List, quoted: bool },
}

impl Word {
    /// The word as written, if it has no quotes and no expansions: only then it can be a reserved word.
    fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }

    /// The word without its quotes, if nothing in it is expanded.
    pub(super) fn constant(&self) -> Option<String> {
        let mut whole = String::new();
        for piece in &self.0 {
            let Piece::Text { text, .. } = piece else { return None };
            whole.push_str(text);
        }
        Some(whole)
    }
}

/// Reads a script.
///
/// # Errors
/// What a shell says after `Syntax error: `.
pub(super) fn parse(script: &str) -> Result<List, String> {
    let mut parser = Parser { lexer: Lexer::new(script), ahead: None };
    let list = parser.list(&[])?;
    match parser.peek_token()? {
        Token::End => Ok(list),
        other => Err(unexpected(&other)),
    }
}

struct Parser {
    lexer: Lexer,
    ahead: Option<Token>,
}

impl Parser {
    fn list(&mut self, ends: &[&str]) -> Result<List, String> {
        let mut items = Vec::new();
        loop {
            while matches!(self.peek_token()?, Token::NewLine) {
                self.next_token()?;
            }
            match self.peek_token()? {
                Token::End | Token::Operator(")" | ";;") => break,
                Token::Word(word) if word.literal().is_some_and(|text| ends.contains(&text)) => break,
                _ => {}
            }
            items.push(self.and_or()?);
            match self.peek_token()? {
                Token::Operator(";" | "&") | Token::NewLine => {
                    self.next_token()?;
                }
                _ => break,
            }
        }
        Ok(List(items))
    }

    fn and_or(&mut self) -> Result<AndOr, String> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        while let Token::Operator(operator @ ("&&" | "||")) = self.peek_token()? {
            self.next_token()?;
            self.skip_newlines()?;
            rest.push((operator == "&&", self.pipeline()?));
        }
        Ok(AndOr { first, rest })
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let negated = self.take_word("!")?;
        let mut commands = vec![self.command()?];
        while self.peek_token()? == Token::Operator("|") {
            self.next_token()?;
            self.skip_newlines()?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, String> {
        let token = self.peek_token()?;
        let compound = match &token {
            Token::Operator("(") => {
                self.next_token()?;
                let list = self.list(&[])?;
                self.expect_operator(")")?;
                Some(Body::Subshell(list))
            }
            Token::Word(word) => match word.literal() {
                Some("{") => {
                    self.next_token()?;
                    let list = self.list(&["}"])?;
                    self.expect_word("}")?;
                    Some(Body::Group(list))
                }
                Some("if") => Some(self.if_clause()?),
                Some(kind @ ("while" | "until")) => {
                    let until = kind == "until";
                    self.next_token()?;
                    let condition = self.list(&["do"])?;
                    Some(Body::Loop { until, condition, body: self.do_group()? })
                }
                Some("for") => Some(self.for_clause()?),
                Some("case") => Some(self.case_clause()?),
                Some(text @ ("then" | "do" | "done" | "fi" | "else" | "elif" | "esac" | "}")) => {
                    return Err(format!("\"{text}\" unexpected"));
                }
                _ => None,
            },
            _ => None,
        };
        let Some(body) = compound else { return self.simple() };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { body, redirects })
    }

    fn simple(&mut self) -> Result<Command, String> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let Token::Word(word) = self.peek_token()? else { break };
            self.next_token()?;
            match assignment(&word).filter(|_| words.is_empty()) {
                Some(pair) => assignments.push(pair),
                None => words.push(word),
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(unexpected(&self.peek_token()?));
        }
        Ok(Command { body: Body::Simple { assignments, words }, redirects })
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, String> {
        let Token::Redirect(fd, operator) = self.peek_token()? else { return Ok(None) };
        self.next_token()?;
        let Token::Word(target) = self.next_token()? else { return Err("redirection unexpected".to_owned()) };
        let kind = match operator {
            "<" => RedirectKind::Read,
            ">" | ">|" | "<>" => RedirectKind::Write,
            ">>" => RedirectKind::Append,
            "<<" => RedirectKind::Here,
            _ => RedirectKind::Duplicate,
        };
        let target = if kind == RedirectKind::Here { self.lexer.here_document(&target)? } else { target };
        Ok(Some(Redirect { fd, kind, target }))
    }

    fn if_clause(&mut self) -> Result<Body, String> {
        let mut branches = Vec::new();
        loop {
            self.next_token()?;
            let condition = self.list(&["then"])?;
            self.expect_word("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            if !self.is_word("elif")? {
                break;
            }
        }
        let otherwise = if self.take_word("else")? { Some(self.list(&["fi"])?) } else { None };
        self.expect_word("fi")?;
        Ok(Body::If { branches, otherwise })
    }

    fn for_clause(&mut self) -> Result<Body, String> {
        self.next_token()?;
        let Token::Word(name) = self.next_token()? else { return Err("Bad for loop variable".to_owned()) };
        let name = name.literal().ok_or("Bad for loop variable")?.to_owned();
        self.skip_newlines()?;
        let mut words = None;
        if self.take_word("in")? {
            let mut list = Vec::new();
            while let Token::Word(word) = self.peek_token()? {
                self.next_token()?;
                list.push(word);
            }
            words = Some(list);
        }
        if matches!(self.peek_token()?, Token::Operator(";")) {
            self.next_token()?;
        }
        self.skip_newlines()?;
        Ok(Body::For { name, words, body: self.do_group()? })
    }

    fn do_group(&mut self) -> Result<List, String> {
        self.expect_word("do")?;
        let body = self.list(&["done"])?;
        self.expect_word("done")?;
        Ok(body)
    }

    fn case_clause(&mut self) -> Result<Body, String> {
        self.next_token()?;
        let Token::Word(word) = self.next_token()? else { return Err("word unexpected".to_owned()) };
        self.skip_newlines()?;
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.take_word("esac")? {
                return Ok(Body::Case { word, arms });
            }
            if self.peek_token()? == Token::Operator("(") {
                self.next_token()?;
            }
            let mut patterns = Vec::new();
            loop {
                let Token::Word(pattern) = self.next_token()? else { return Err("word unexpected".to_owned()) };
                patterns.push(pattern);
                match self.next_token()? {
                    Token::Operator("|") => {}
                    Token::Operator(")") => break,
                    other => return Err(unexpected(&other)),
                }
            }
            arms.push((patterns, self.list(&["esac"])?));
            if self.peek_token()? == Token::Operator(";;") {
                self.next_token()?;
            }
        }
    }

    fn skip_newlines(&mut self) -> Result<(), String> {
        while self.peek_token()? == Token::NewLine {
            self.next_token()?;
        }
        Ok(())
    }

    fn is_word(&mut self, text: &str) -> Result<bool, String> {
        Ok(matches!(self.peek_token()?, Token::Word(word) if word.literal() == Some(text)))
    }

    fn take_word(&mut self, text: &str) -> Result<bool, String> {
        let is = self.is_word(text)?;
        if is {
            self.next_token()?;
        }
        Ok(is)
    }

    fn expect_word(&mut self, text: &str) -> Result<(), String> {
        if self.take_word(text)? {
            Ok(())
        } else {
            Err(format!("{} (expecting \"{text}\")", unexpected(&self.peek_token()?)))
        }
    }

    fn expect_operator(&mut self, text: &'static str) -> Result<(), String> {
        match self.next_token()? {
            Token::Operator(found) if found == text => Ok(()),
            other => Err(format!("{} (expecting \"{text}\")", unexpected(&other))),
        }
    }

    fn peek_token(&mut self) -> Result<Token, String> {
        let token = match self.ahead.take() {
            Some(token) => token,
            None => self.lexer.token()?,
        };
        self.ahead = Some(token.clone());
        Ok(token)
    }

    fn next_token(&mut self) -> Result<Token, String> {
        let token = self.peek_token()?;
        self.ahead = None;
        Ok(token)
    }
}

fn unexpected(token: &Token) -> String {
    match token {
        Token::End => "end of file unexpected".to_owned(),
        Token::NewLine => "newline unexpected".to_owned(),
        Token::Operator(text) => format!("\"{text}\" unexpected"),
        Token::Redirect(..) => "redirection unexpected".to_owned(),
        Token::Word(_) => "word unexpected".to_owned(),
    }
}

/// `NAME=value`, as far as the name and the sign are not quoted.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let Piece::Text { text, quoted: false } = word.0.first()? else { return None };
    let (name, value) = text.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return None;
    }
    let mut pieces = word.0.clone();
    pieces[0] = Piece::Text { text: value.to_owned(), quoted: false };
    Some((name.to_owned(), Word(pieces)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(script: &str) -> Command {
        parse(script).unwrap().0[0].first.commands[0].clone()
    }

    #[test]
    fn words_redirects_and_assignments_are_told_apart() {
        let Command { body: Body::Simple { assignments, words }, redirects } = first("A=1 cat -n 'a b' 2>&1 > f")
        else {
            panic!("a simple command");
        };
        assert_eq!((assignments.len(), words.len(), redirects.len()), (1, 3, 2));
        assert_eq!((redirects[0].fd, redirects[0].kind), (2, RedirectKind::Duplicate));
        assert_eq!((redirects[1].fd, redirects[1].kind), (1, RedirectKind::Write));
    }

    #[test]
    fn compound_commands_nest() {
        let script = "if test -e a; then for x in 1 2; do echo $x; done; elif ! b; then c; else (d; e) fi\ncase $1 in a|b) f ;; *) g; esac";
        let list = parse(script).unwrap();
        assert_eq!(list.0.len(), 2);
        assert!(matches!(&first(script).body, Body::If { branches, otherwise: Some(_) } if branches.len() == 2));
        assert!(matches!(&list.0[1].first.commands[0].body, Body::Case { arms, .. } if arms.len() == 2));
    }

    #[test]
    fn what_is_no_script_is_refused() {
        for script in ["a &&", "if a; then b", "( a", "a )", "'a", "| b", "for 1 in"] {
            assert!(parse(script).is_err(), "{script}");
        }
    }

    #[test]
    fn a_here_document_stands_after_its_line() {
        let list = parse("cat <<'E' | sort\na $b\nE\necho x").unwrap();
        assert_eq!(list.0.len(), 2);
        let redirect = &list.0[0].first.commands[0].redirects[0];
        assert_eq!(redirect.target.0, [Piece::Text { text: "a $b\n".into(), quoted: true }]);
        assert_eq!(list.0[0].first.commands.len(), 2);
    }
}
