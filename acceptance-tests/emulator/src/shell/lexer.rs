//! The tokens of a shell script.

use super::syntax::{List, Piece, Word, parse};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    End,
    NewLine,
    /// `&&`, `||`, `;`, `;;`, `&`, `|`, `(`, `)`
    Operator(&'static str),
    /// Which descriptor, and `<`, `>`, `>>`, `>|`, `>&`, `<&`, `<<`, `<>`.
    Redirect(u8, &'static str),
    Word(Word),
}

pub(super) struct Lexer {
    input: Vec<char>,
    at: usize,
}

impl Lexer {
    pub(super) fn new(script: &str) -> Self {
        Self { input: script.chars().collect(), at: 0 }
    }

    /// The next token.
    pub(super) fn token(&mut self) -> Result<Token, String> {
        self.skip_blanks();
        let Some(next) = self.peek() else { return Ok(Token::End) };
        if next == '\n' {
            self.at += 1;
            return Ok(Token::NewLine);
        }
        for operator in ["&&", "||", ";;", ";", "&", "|", "(", ")"] {
            if self.take(operator) {
                return Ok(Token::Operator(operator));
            }
        }
        let digit = next.to_digit(10).filter(|_| matches!(self.input.get(self.at + 1), Some('<' | '>')));
        let fd = digit.and_then(|digit| u8::try_from(digit).ok());
        if fd.is_some() {
            self.at += 1;
        }
        for operator in ["<<", "<&", "<>", ">>", ">&", ">|", "<", ">"] {
            if self.take(operator) {
                return Ok(Token::Redirect(fd.unwrap_or(u8::from(operator.starts_with('>'))), operator));
            }
        }
        self.word().map(Token::Word)
    }

    /// The text of a here-document, which begins after the line that is being read.
    pub(super) fn here_document(&mut self, end: &Word) -> Result<Word, String> {
        let is_quoted = end.0.iter().any(|piece| matches!(piece, Piece::Text { quoted: true, .. }));
        let mut mark = String::new();
        for piece in &end.0 {
            if let Piece::Text { text, .. } = piece {
                mark.push_str(text);
            }
        }
        let line_end = self.input[self.at..].iter().position(|c| *c == '\n').map(|at| self.at + at + 1);
        let begin = line_end.ok_or("end of file unexpected")?;
        let after: String = self.input[begin..].iter().collect();
        let (mut text, mut used) = (String::new(), 0);
        for row in after.split_inclusive('\n') {
            used += row.chars().count();
            if row.trim_end_matches('\n') == mark {
                break;
            }
            text.push_str(row);
        }
        self.input.drain(begin..begin + used);
        if is_quoted {
            return Ok(Word(vec![Piece::Text { text, quoted: true }]));
        }
        let mut inner = Lexer::new(&text);
        let mut pieces = Vec::new();
        inner.double_quoted(&mut pieces, None)?;
        Ok(Word(pieces))
    }

    fn word(&mut self) -> Result<Word, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let flush = |text: &mut String, pieces: &mut Vec<Piece>| {
            if !text.is_empty() {
                pieces.push(Piece::Text { text: std::mem::take(text), quoted: false });
            }
        };
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => {
                    flush(&mut text, &mut pieces);
                    self.at += 1;
                    let quoted = self.until('\'')?;
                    pieces.push(Piece::Text { text: quoted, quoted: true });
                }
                '"' => {
                    flush(&mut text, &mut pieces);
                    self.at += 1;
                    // Even an empty pair of quotes makes a word.
                    pieces.push(Piece::Text { text: String::new(), quoted: true });
                    self.double_quoted(&mut pieces, Some('"'))?;
                }
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        Some(literal) => {
                            flush(&mut text, &mut pieces);
                            pieces.push(Piece::Text { text: literal.to_string(), quoted: true });
                        }
                        None => text.push('\\'),
                    }
                }
                '$' | '`' => {
                    flush(&mut text, &mut pieces);
                    self.expansion(&mut pieces, false)?;
                }
                other => {
                    self.at += 1;
                    text.push(other);
                }
            }
        }
        flush(&mut text, &mut pieces);
        Ok(Word(pieces))
    }

    /// What stands in double quotes, up to `end` or to the end of the input.
    fn double_quoted(&mut self, pieces: &mut Vec<Piece>, end: Option<char>) -> Result<(), String> {
        let mut text = String::new();
        let flush = |text: &mut String, pieces: &mut Vec<Piece>| {
            if !text.is_empty() {
                pieces.push(Piece::Text { text: std::mem::take(text), quoted: true });
            }
        };
        loop {
            match self.peek() {
                None if end.is_none() => break,
                None => return Err("Unterminated quoted string".to_owned()),
                Some(next) if Some(next) == end => {
                    self.at += 1;
                    break;
                }
                Some('\\') => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        Some(special @ ('$' | '`' | '"' | '\\')) => text.push(special),
                        Some(other) => text.extend(['\\', other]),
                        None => text.push('\\'),
                    }
                }
                Some('$' | '`') => {
                    flush(&mut text, pieces);
                    self.expansion(pieces, true)?;
                }
                Some(other) => {
                    self.at += 1;
                    text.push(other);
                }
            }
        }
        flush(&mut text, pieces);
        Ok(())
    }

    /// `$name`, `${name…}`, `$(…)` or backquotes.
    fn expansion(&mut self, pieces: &mut Vec<Piece>, quoted: bool) -> Result<(), String> {
        if self.take("`") {
            let script = self.until('`')?;
            pieces.push(Piece::Substitution { list: parse(&script)?, quoted });
            return Ok(());
        }
        self.at += 1;
        if self.take("((") {
            return Err("arithmetic is not available".to_owned());
        }
        if self.take("(") {
            pieces.push(Piece::Substitution { list: self.substitution()?, quoted });
            return Ok(());
        }
        if self.take("{") {
            let name = self.name();
            let mut operation = None;
            if self.peek() != Some('}') {
                let mut sign = String::new();
                for sign_part in [":-", ":=", ":?", ":+", "##", "%%", "-", "=", "?", "+", "#", "%"] {
                    if self.take(sign_part) {
                        sign = sign_part.to_owned();
                        break;
                    }
                }
                if sign.is_empty() {
                    return Err("Bad substitution".to_owned());
                }
                let mut word = Vec::new();
                self.double_quoted(&mut word, Some('}'))?;
                operation = Some((sign, Word(word)));
            } else {
                self.at += 1;
            }
            pieces.push(Piece::Parameter { name, operation, quoted });
            return Ok(());
        }
        let name = self.name();
        if name.is_empty() {
            pieces.push(Piece::Text { text: "$".to_owned(), quoted });
        } else {
            pieces.push(Piece::Parameter { name, operation: None, quoted });
        }
        Ok(())
    }

    /// What stands up to the bracket that closes this one.
    fn substitution(&mut self) -> Result<List, String> {
        let begin = self.at;
        let mut depth = 1;
        while let Some(next) = self.bump() {
            match next {
                '\\' => self.at += 1,
                '\'' => drop(self.until('\'')?),
                '"' => drop(self.double_quoted(&mut Vec::new(), Some('"'))),
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let script: String = self.input[begin..self.at - 1].iter().collect();
                return parse(&script);
            }
        }
        Err("end of file unexpected (expecting \")\")".to_owned())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(special @ ('@' | '*' | '#' | '?' | '$' | '!' | '-')) => {
                self.at += 1;
                name.push(special);
            }
            Some(digit) if digit.is_ascii_digit() => {
                self.at += 1;
                name.push(digit);
            }
            _ => {
                while let Some(next) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    self.at += 1;
                    name.push(next);
                }
            }
        }
        name
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.bump() {
                Some(next) if next == end => return Ok(text),
                Some(next) => text.push(next),
                None => return Err("Unterminated quoted string".to_owned()),
            }
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            if self.take("\\\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn take(&mut self, text: &str) -> bool {
        let is = text.chars().enumerate().all(|(i, c)| self.input.get(self.at + i) == Some(&c));
        if is {
            self.at += text.chars().count();
        }
        is
    }
}
