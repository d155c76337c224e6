//! Takes values out of TOML tables and collects every mistake with its path and a hint.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use toml::{Table, Value};

/// Something wrong in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `sip.listen`, `trunk[0].channels`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub hint: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.hint)
    }
}

const ENVIRONMENT_PREFIX: &str = "LIANFANG_";
/// Variables of ours that are no configuration.
const NO_CONFIGURATION: &[&str] = &[
    "LIANFANG_CONFIG",
    "LIANFANG_LOG",
    "LIANFANG_LOG_FORMAT",
    "LIANFANG_INTEROP",
    "LIANFANG_RFC4475_DIR",
    "LIANFANG_SCREENSHOTS",
    "LIANFANG_TWILIO_VECTORS",
    "LIANFANG_WRITE_SCRIPTS",
];

/// Puts `LIANFANG_A__B=value` into the table as `a.b`. A value that is TOML (a number, a list) is taken as such, anything else as text.
pub(super) fn overlay_environment(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (name, text) in environment {
        let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        if NO_CONFIGURATION.contains(&name.as_str()) {
            continue;
        }
        let keys: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let value = format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut parsed| parsed.remove("value"))
            .unwrap_or(Value::String(text));
        if !put(table, &keys, value) {
            mistakes.push(Mistake {
                path: name,
                hint: "names a value inside of something that is no section".to_owned(),
            });
        }
    }
    mistakes
}

fn put(table: &mut Table, keys: &[String], value: Value) -> bool {
    match keys {
        [] => false,
        [key] => {
            table.insert(key.clone(), value);
            true
        }
        [section, rest @ ..] => {
            let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            inner.as_table_mut().is_some_and(|inner| put(inner, rest, value))
        }
    }
}

/// A table whose keys are taken out one by one; what is left at the end is unknown.
pub(super) struct Section<'a> {
    path: String,
    table: Table,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: Table, mistakes: &'a mut Vec<Mistake>) -> Self {
        Self { path: String::new(), table, mistakes }
    }

    pub(super) fn mistake(&mut self, key: &str, hint: impl Into<String>) {
        let path = self.path_of(key);
        self.mistakes.push(Mistake { path, hint: hint.into() });
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    /// What was written and nobody took yet.
    pub(super) fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Whether it was written and nobody took it yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Takes a value out. Tests learn what is asked for, so that no key is left out where all are shown.
    fn take(&mut self, key: &str) -> Option<Value> {
        #[cfg(test)]
        asked::note(self.path_of(key));
        self.table.remove(key)
    }

    pub(super) fn optional_string(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.mistake(key, format!("need text in quotes, found {}", value.type_str()));
        }
        text
    }

    pub(super) fn string(&mut self, key: &str, default: &str) -> String {
        self.optional_string(key).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn required_string(&mut self, key: &str, example: &str) -> String {
        if !self.table.contains_key(key) {
            self.mistake(key, format!("is missing; write for example `{key} = \"{example}\"`"));
        }
        self.string(key, "")
    }

    pub(super) fn number(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some(value) = self.take(key) else { return default };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.mistake(
                    key,
                    format!("need a number from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Boolean(flag)) => flag,
            Some(_) => {
                self.mistake(key, "need true or false");
                default
            }
        }
    }

    pub(super) fn strings(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return default.iter().map(|&text| text.to_owned()).collect();
        };
        let texts = value.as_array().map(|values| {
            values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
        });
        match (texts, value.as_array().map(Vec::len)) {
            (Some(texts), Some(length)) if texts.len() == length => texts,
            _ => {
                self.mistake(key, "need a list of texts, such as [\"a\", \"b\"]");
                Vec::new()
            }
        }
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], default: T) -> T {
        let Some(text) = self.optional_string(key) else { return default };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => *choice,
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                self.mistake(key, format!("`{text}` is unknown; need one of {}", names.join(", ")));
                default
            }
        }
    }

    pub(super) fn address(&mut self, key: &str, default: SocketAddr) -> SocketAddr {
        let Some(text) = self.optional_string(key) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.mistake(key, format!("`{text}` is no address with port, such as 127.0.0.1:8080"));
            default
        })
    }

    pub(super) fn optional_ip(&mut self, key: &str) -> Option<IpAddr> {
        let text = self.optional_string(key)?;
        match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                self.mistake(key, format!("`{text}` is no IP address"));
                None
            }
        }
    }

    pub(super) fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = match self.table.remove(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(_) => {
                self.mistake(key, format!("need a section [{key}]"));
                Table::new()
            }
        };
        let path = self.path_of(key);
        let mut section = Section { path, table, mistakes: self.mistakes };
        let value = read(&mut section);
        section.finish();
        value
    }

    pub(super) fn sections<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        let tables = match self.table.remove(key) {
            None => Vec::new(),
            Some(Value::Array(tables)) => tables,
            Some(_) => {
                self.mistake(key, format!("need sections [[{key}]], with double brackets"));
                Vec::new()
            }
        };
        let mut values = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let path = self.path_of(&format!("{key}[{index}]"));
            let Value::Table(table) = table else {
                self.mistakes.push(Mistake { path, hint: "need a section".to_owned() });
                continue;
            };
            let mut section = Section { path, table, mistakes: self.mistakes };
            values.push(read(&mut section));
            section.finish();
        }
        values
    }

    /// Reports what nobody took.
    pub(super) fn finish(&mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for key in unknown {
            self.mistake(&key, "is unknown; see docs/configuration.md for the keys");
        }
        self.table.clear();
    }
}

/// The keys that were asked for in this thread.
#[cfg(test)]
pub(super) mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static KEYS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(path: String) {
        KEYS.with_borrow_mut(|keys| keys.insert(path));
    }

    /// All of them so far.
    pub(in crate::config) fn keys() -> BTreeSet<String> {
        KEYS.take()
    }
}
