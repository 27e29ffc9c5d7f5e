//! The parsed content of a file, kept until its text changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Parsed files by path and form. It never answers with anything that another text was parsed to.
#[derive(Debug)]
pub struct Cache<T> {
    parsed: Mutex<HashMap<Key, (String, Arc<T>)>>,
}

/// The path, and the form.
type Key = (String, usize);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { parsed: Mutex::default() }
    }
}

impl<T> Cache<T> {
    /// What `text`, the file at `path`, was parsed to; `parse` is called if it wasn't yet.
    pub fn read(&self, path: &str, text: &str, parse: impl FnOnce(&str) -> T) -> Arc<T> {
        self.read_as(path, 0, text, parse)
    }

    /// The same for a file that is parsed in several ways, each a `form` of its own.
    pub fn read_as(&self, path: &str, form: usize, text: &str, parse: impl FnOnce(&str) -> T) -> Arc<T> {
        let key = (path.to_owned(), form);
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, value)) = parsed.get(&key)
            && known == text
        {
            return value.clone();
        }
        let value = Arc::new(parse(text));
        parsed.insert(key, (text.to_owned(), value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_text_is_parsed_again() {
        let cache = Cache::default();
        assert_eq!(*cache.read("/a", "1", |text| text.len()), 1);
        assert_eq!(*cache.read("/a", "1", |_| 99), 1);
        assert_eq!(*cache.read("/b", "1", |_| 99), 99);
        assert_eq!(*cache.read("/a", "12", |text| text.len()), 2);
        assert_eq!(*cache.read_as("/a", 1, "12", |_| 3), 3, "in another form");
    }
}
