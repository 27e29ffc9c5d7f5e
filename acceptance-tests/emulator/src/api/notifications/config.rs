//! The configuration: both files, parsed, together with the built-in objects of `proxmox-notify`.
//!
//! Invariant: the built-in target and the built-in matcher are always there, whatever the files say.

use aws_lc_rs::digest::{SHA256, digest as sha2};
use serde_json::{Map, Value, json};

use super::file::{File, Section};
use super::kinds::SectionKind;
use crate::error::{ApiError, ApiResult};
use crate::section_config::bytes;
use crate::world::World;

/// Both files.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// Targets and matchers.
    pub(super) sections: Vec<Section>,
    /// Their secrets.
    pub(super) secrets: Vec<Section>,
    /// SHA-256 of the text of the public file.
    pub(super) digest: String,
}

impl Config {
    pub(super) fn read(world: &World) -> Self {
        let [mut sections, secrets] = File::ALL.map(|file| file.parse(&bytes::to_utf8(world.file(file.path()))));
        for builtin in builtin() {
            if !sections.iter().any(|section| section.name == builtin.name) {
                sections.push(builtin);
            }
        }
        let text = bytes::raw(world.file(File::Public.path()));
        Self { sections, secrets, digest: hex(sha2(&SHA256, &text).as_ref()) }
    }

    /// Writes both files.
    ///
    /// # Errors
    /// A value can't be written: nothing is.
    pub(super) fn write(&self, world: &mut World) -> ApiResult<()> {
        // The error of proxmox-notify and its source have the same text, and both are printed.
        let refuse = |why: String| ApiError::die(format!("could not serialize configuration: {why}: {why}"));
        let public = File::Public.render(&self.sections).map_err(refuse)?;
        let private = File::Private.render(&self.secrets).map_err(refuse)?;
        for (file, text) in [(File::Public, public), (File::Private, private)] {
            world.write_file(file.path(), bytes::from_utf8(&text));
        }
        Ok(())
    }

    /// Whatever has that name.
    pub(super) fn named(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The target of that name.
    pub(super) fn target(&self, name: &str) -> Option<&Section> {
        self.named(name).filter(|section| section.kind != SectionKind::Matcher)
    }

    /// The section of that kind and name.
    ///
    /// # Errors
    /// 404
    pub(super) fn find(&self, kind: SectionKind, name: &str) -> ApiResult<&Section> {
        let found = self.named(name).filter(|section| section.kind == kind);
        found.ok_or_else(|| ApiError::new(404, format!("{} '{name}' not found\n", kind.noun())))
    }

    /// The targets or matchers of a kind.
    pub(super) fn of_kind(&self, kind: SectionKind) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.kind == kind)
    }

    /// The secrets of a target.
    pub(super) fn secrets_of(&self, name: &str) -> Option<&Section> {
        self.secrets.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// Where it comes from. This is found by comparison: a built-in that is written back as it was is no modified one.
    pub(super) fn origin(&self) -> &'static str {
        match builtin().iter().find(|builtin| builtin.name == self.name) {
            Some(builtin) if builtin == self => "builtin",
            Some(_) => "modified-builtin",
            None => "user-created",
        }
    }

    /// A section as the API shows it; of secrets there are only the names.
    pub(super) fn object(&self, secrets: Option<&Section>) -> Map<String, Value> {
        let shown = |value: &Value| match value {
            Value::Bool(flag) => json!(u8::from(*flag)),
            other => other.clone(),
        };
        let mut object: Map<String, Value> =
            self.values.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        if let Some(list) = secrets.filter(|_| self.kind == SectionKind::Webhook).map(|secrets| secrets.list("secret"))
            && !list.is_empty()
        {
            let name = |text: &String| super::pair::Pair::parse(text).map(|pair| format!("name={}", pair.name)).ok();
            object.insert("secret".to_owned(), list.iter().filter_map(name).collect());
        }
        object.insert("name".to_owned(), json!(self.name));
        object.insert("origin".to_owned(), json!(self.origin()));
        object
    }

    /// A property as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A list; empty if it is not set.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let items = self.values.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Whether a name is that of a built-in.
pub(super) fn is_builtin(name: &str) -> bool {
    builtin().iter().any(|builtin| builtin.name == name)
}

fn builtin() -> [Section; 2] {
    let section = |kind, name: &str, values: Value| Section {
        kind,
        name: name.to_owned(),
        values: values.as_object().cloned().unwrap_or_default().into_iter().collect(),
    };
    [
        section(
            SectionKind::Sendmail,
            "mail-to-root",
            json!({"comment": "Send mails to root@pam's email address", "mailto-user": ["root@pam"]}),
        ),
        section(
            SectionKind::Matcher,
            "default-matcher",
            json!({"comment": "Route all notifications to mail-to-root", "mode": "all", "target": ["mail-to-root"]}),
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
