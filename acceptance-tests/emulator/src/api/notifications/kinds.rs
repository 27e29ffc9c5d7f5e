//! The kinds of sections that the configuration has: four of targets, and matchers. Each is a table of its properties.

use crate::schema::formats::{CONFIG_ID, EMAIL_OR_USERNAME, Format, USER_ID};
use crate::schema::{Prop, Schema};

/// A kind of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum SectionKind {
    Sendmail,
    Gotify,
    Smtp,
    Webhook,
    Matcher,
}

/// A property of a section.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// A new section can't be without it.
    pub(super) required: bool,
    /// `delete` takes it away.
    pub(super) deletable: bool,
    /// It is kept in the private file.
    pub(super) secret: bool,
}

/// What values a property has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    /// A text whose characters the file's own schema checks.
    Checked(Check),
    Flag,
    Port,
    Choice(&'static [&'static str]),
    Texts,
    Addresses,
    Users,
    Targets,
}

/// A check that a property meets only when the file is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    OneLine,
    Url,
}

use Shape::{Addresses, Checked, Choice, Flag, Port, Targets, Text, Texts, Users};

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false, deletable: true, secret: false }
}

impl Field {
    const fn required(self) -> Self {
        Self { required: true, deletable: false, ..self }
    }

    const fn kept(self) -> Self {
        Self { deletable: false, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    fn prop(&self) -> Prop {
        let list = |format| Prop::array(Prop::string().format(Format::One(format)));
        match self.shape {
            Text | Checked(_) => Prop::string(),
            Flag => Prop::boolean(),
            Port => Prop::integer(),
            Choice(words) => Prop::choice(words),
            Texts => Prop::array(Prop::string()),
            Addresses => list(EMAIL_OR_USERNAME),
            Users => list(USER_ID),
            Targets => list(CONFIG_ID),
        }
    }
}

const COMMENT: Field = field("comment", Checked(Check::OneLine));
const DISABLE: Field = field("disable", Flag);

// The order is that in which the complaint about an unknown name in `delete` has them.
const SENDMAIL: &[Field] = &[
    field("author", Text),
    COMMENT,
    DISABLE,
    field("from-address", Text),
    field("mailto", Addresses),
    field("mailto-user", Users),
];
const SMTP: &[Field] = &[
    field("author", Text),
    COMMENT,
    DISABLE,
    field("mailto", Addresses),
    field("mailto-user", Users),
    field("password", Text).secret(),
    field("port", Port),
    field("username", Text),
    field("from-address", Text).required(),
    field("mode", Choice(&["insecure", "starttls", "tls"])).kept(),
    field("server", Text).required(),
];
const GOTIFY: &[Field] =
    &[COMMENT, DISABLE, field("server", Text).required(), field("token", Text).required().secret()];
const WEBHOOK: &[Field] = &[
    COMMENT,
    DISABLE,
    field("header", Texts),
    field("body", Text),
    field("secret", Texts).secret(),
    field("method", Choice(&["post", "put", "get"])).required(),
    field("url", Checked(Check::Url)).required(),
];
const MATCHER: &[Field] = &[
    COMMENT,
    DISABLE,
    field("invert-match", Flag),
    field("match-calendar", Texts),
    field("match-field", Texts),
    field("match-severity", Texts),
    field("mode", Choice(&["all", "any"])),
    field("target", Targets),
];

impl SectionKind {
    /// The kinds of targets, in the order in which the list of all targets names them.
    pub(super) const TARGETS: [Self; 4] = [Self::Sendmail, Self::Gotify, Self::Smtp, Self::Webhook];

    /// Its form in the file and in paths.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sendmail => "sendmail",
            Self::Gotify => "gotify",
            Self::Smtp => "smtp",
            Self::Webhook => "webhook",
            Self::Matcher => "matcher",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::TARGETS.into_iter().chain([Self::Matcher]).find(|kind| kind.as_str() == text)
    }

    /// The noun of complaints.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Matcher => "matcher",
            _ => "endpoint",
        }
    }

    pub(super) const fn fields(self) -> &'static [Field] {
        match self {
            Self::Sendmail => SENDMAIL,
            Self::Gotify => GOTIFY,
            Self::Smtp => SMTP,
            Self::Webhook => WEBHOOK,
            Self::Matcher => MATCHER,
        }
    }

    pub(super) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// Whether it has a section in the private file, be it an empty one.
    pub(super) fn has_secrets(self) -> bool {
        self.fields().iter().any(|field| field.secret)
    }

    /// The parameters of POST.
    pub(super) fn creation(self) -> Schema {
        self.fields().iter().fold(named(), |schema, field| match field.required {
            true => schema.req(field.name, field.prop()),
            false => schema.opt(field.name, field.prop()),
        })
    }

    /// The parameters of PUT.
    pub(super) fn change(self) -> Schema {
        let schema = self.fields().iter().fold(named(), |schema, field| schema.opt(field.name, field.prop()));
        schema
            .opt("delete", Prop::array(Prop::string().format(Format::One(CONFIG_ID))))
            .opt("digest", Prop::string().max_length(64))
    }

    /// Checks the names in `delete`.
    ///
    /// # Errors
    /// serde's complaint about the first one that can't be deleted.
    pub(super) fn check_deletable(self, names: &[String]) -> Result<(), String> {
        let deletable: Vec<&str> =
            self.fields().iter().filter(|field| field.deletable).map(|field| field.name).collect();
        let Some(bad) = names.iter().find(|name| !deletable.contains(&name.as_str())) else { return Ok(()) };
        let quoted: Vec<String> = deletable.iter().map(|name| format!("`{name}`")).collect();
        let expected = match quoted.as_slice() {
            [one, other] => format!("expected {one} or {other}"),
            all => format!("expected one of {}", all.join(", ")),
        };
        Err(format!("unknown variant `{bad}`, {expected}"))
    }
}

/// The parameters of a call that only names its object.
pub(super) fn named() -> Schema {
    Schema::new().req("name", Prop::string().format(Format::One(CONFIG_ID)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_deleted_is_refused_in_the_words_of_serde() {
        let refused = |kind: SectionKind, name: &str| kind.check_deletable(&[name.to_owned()]).unwrap_err();
        assert_eq!(refused(SectionKind::Gotify, "token"), "unknown variant `token`, expected `comment` or `disable`");
        assert_eq!(
            refused(SectionKind::Webhook, "url"),
            "unknown variant `url`, expected one of `comment`, `disable`, `header`, `body`, `secret`"
        );
        assert_eq!(SectionKind::Smtp.check_deletable(&["password".to_owned(), "port".to_owned()]), Ok(()));
        assert!(SectionKind::Smtp.check_deletable(&["mode".to_owned()]).is_err());
    }
}
