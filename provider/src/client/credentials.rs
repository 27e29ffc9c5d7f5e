//! Credentials, parsed: a malformed one is refused before it is sent to Proxmox.

use secrecy::{ExposeSecret, SecretString};

use super::settings::SettingsError;

#[derive(Clone, Debug)]
pub enum Credentials {
    Token(Token),
    /// A ticket that was obtained already.
    Ticket(Ticket),
    /// User name and password: a ticket is obtained and renewed.
    Password {
        /// `USER@REALM`.
        username: String,
        password: SecretString,
        /// A one-time password of the second factor.
        otp: Option<SecretString>,
    },
}

impl Credentials {
    /// Parses an API token, `USER@REALM!TOKENID=SECRET`.
    ///
    /// # Errors
    ///
    /// Anything of another form is refused without repeating it.
    pub fn token(token: SecretString) -> Result<Self, SettingsError> {
        let text = token.expose_secret().trim();
        match flaw_of_token(text) {
            None => Ok(Self::Token(Token(text.to_owned().into()))),
            Some(flaw) => Err(SettingsError::Token(flaw)),
        }
    }

    /// Who these belong to.
    pub(super) fn who(&self) -> Who {
        match self {
            Self::Token(Token(text)) => {
                let name = text.expose_secret().split('=').next().unwrap_or_default();
                let user = name.split('!').next().unwrap_or_default();
                Who { user: user.to_owned(), token: Some(name.to_owned()) }
            }
            Self::Ticket(ticket) => Who { user: ticket.username().unwrap_or_default(), token: None },
            Self::Password { username, .. } => Who { user: username.clone(), token: None },
        }
    }

    /// Takes a ticket and its CSRF prevention token.
    ///
    /// # Errors
    ///
    /// What Proxmox did not issue in this form is refused without repeating it.
    pub fn ticket(ticket: SecretString, csrf: SecretString) -> Result<Self, SettingsError> {
        let parsed = Ticket {
            ticket: ticket.expose_secret().trim().to_owned().into(),
            csrf: csrf.expose_secret().trim().to_owned().into(),
        };
        let csrf = parsed.csrf.expose_secret();
        if parsed.username().is_none() || csrf.is_empty() || !is_header_text(csrf) {
            return Err(SettingsError::Ticket);
        }
        Ok(Self::Ticket(parsed))
    }

    /// Takes a user name with its realm, a password and perhaps a one-time password.
    ///
    /// # Errors
    ///
    /// As [`Credentials::username`].
    pub fn password(username: &str, password: SecretString, otp: Option<SecretString>) -> Result<Self, SettingsError> {
        Ok(Self::Password { username: Self::username(username)?, password, otp })
    }

    /// Parses a user name with its realm.
    ///
    /// # Errors
    ///
    /// A user name without realm, in quotes, or the id of an API token.
    pub fn username(text: &str) -> Result<String, SettingsError> {
        let text = text.trim();
        let refuse = |flaw| Err(SettingsError::Username(text.to_owned(), flaw));
        if is_quoted(text) {
            return refuse(Flaw::Quotes);
        }
        match text.rsplit_once('@') {
            Some((name, realm)) if !name.is_empty() && realm.contains('!') => {
                Err(SettingsError::TokenAsUsername(text.to_owned()))
            }
            Some((name, realm)) if !name.is_empty() && !realm.is_empty() => Ok(text.to_owned()),
            _ => refuse(Flaw::Realm),
        }
    }
}

/// An API token of the right form.
#[derive(Clone, Debug)]
pub struct Token(pub(super) SecretString);

/// A ticket with its CSRF prevention token.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub(super) ticket: SecretString,
    pub(super) csrf: SecretString,
}

impl Ticket {
    /// The user a ticket `PVE:USER:TIME::SIGNATURE` is for.
    pub(super) fn username(&self) -> Option<String> {
        let user = self.ticket.expose_secret().strip_prefix("PVE:")?.split(':').next()?;
        let user = percent_encoding::percent_decode_str(user).decode_utf8().ok()?;
        (user.contains('@') && !user.starts_with('!')).then(|| user.into_owned())
    }
}

/// A user, and the token in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// `USER@REALM`
    pub user: String,
    /// `USER@REALM!TOKENID`
    pub token: Option<String>,
}

/// What is wrong with the form of a token or a user name, after "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// `"…"`: those of a file of variables that no shell has read.
    #[error("contains quotes, which would be sent as a part of it; remove them")]
    Quotes,
    /// `root@pam\!ci`: the shell keeps the backslash in double quotes.
    #[error("contains a backslash; write it in single quotes, in which the shell does not expand `!`")]
    Backslash,
    /// `PVEAPIToken=…`
    #[error("begins with `PVEAPIToken=`, a part of the HTTP header; remove it")]
    Header,
    /// No `=`, or nothing after it.
    #[error("has no `=SECRET` at its end")]
    Secret,
    /// A second `=`, as when the whole token is in the variable of its id.
    #[error("has a second `=`, which a secret never has; the id or the secret may be repeated")]
    Twice,
    /// No `!`, or nothing after it.
    #[error("has no `!TOKENID` after the user")]
    Id,
    /// The token id contains a second `!`.
    #[error("has a second `!`; the user comes first, then the id of the token")]
    SecondId,
    /// The id has a character that none can have.
    #[error(
        "has a TOKENID that does not begin with a letter, or has characters other than letters, digits, `.`, `_` and \
         `-`"
    )]
    IdCharacter,
    #[error("has no realm, such as `@pam` or `@pve`")]
    Realm,
    /// A blank, a line feed or what is not ASCII.
    #[error("contains a space or another character that is not allowed")]
    Character,
}

fn flaw_of_token(text: &str) -> Option<Flaw> {
    if is_quoted(text) {
        return Some(Flaw::Quotes);
    }
    if text.contains("\\!") {
        return Some(Flaw::Backslash);
    }
    if text.starts_with("PVEAPIToken") {
        return Some(Flaw::Header);
    }
    let Some((name, secret)) = text.split_once('=').filter(|(_, secret)| !secret.is_empty()) else {
        return Some(Flaw::Secret);
    };
    let Some((user, id)) = name.split_once('!').filter(|(_, id)| !id.is_empty()) else {
        return Some(Flaw::Id);
    };
    let has_realm = user.rsplit_once('@').is_some_and(|(name, realm)| !name.is_empty() && !realm.is_empty());
    let is_id = id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    [
        (is_quoted(secret), Flaw::Quotes),
        (!has_realm, Flaw::Realm),
        (id.contains('!'), Flaw::SecondId),
        (secret.contains('='), Flaw::Twice),
        (!is_header_text(text), Flaw::Character),
        (!is_id, Flaw::IdCharacter),
    ]
    .into_iter()
    .find_map(|(is_so, flaw)| is_so.then_some(flaw))
}

/// Whether a quote is left at one of its ends.
fn is_quoted(text: &str) -> bool {
    text.starts_with(['"', '\'']) || text.ends_with(['"', '\''])
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_parsed_and_not_repeated() {
        let token = |text: &str| Credentials::token(text.into());
        assert!(token("root@pam!ci=1234-secret").is_ok());
        for bad in [
            "root@pam!ci",
            "root!ci=hunter2",
            "@pam!ci=hunter2",
            "root@pam=hunter2",
            "root@pam!ci=",
            "root@pam!ci=hunter2\nX: y",
        ] {
            let error = token(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{bad}");
        }
        let debug = format!("{:?}", token("root@pam!ci=hunter2").unwrap());
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn what_is_wrong_with_a_token_is_said_of_it() {
        for (text, flaw) in [
            ("\"root@pam!ci=hunter2\"", Flaw::Quotes),
            ("'root@pam!ci=hunter2'", Flaw::Quotes),
            ("root@pam!ci=\"hunter2\"", Flaw::Quotes),
            ("root@pam\\!ci=hunter2", Flaw::Backslash),
            ("PVEAPIToken=root@pam!ci=hunter2", Flaw::Header),
            ("root@pam!ci", Flaw::Secret),
            ("root@pam!ci=", Flaw::Secret),
            ("root@pam!ci=hunter2=hunter2", Flaw::Twice),
            ("root@pam=hunter2", Flaw::Id),
            ("root@pam!=hunter2", Flaw::Id),
            ("root@pam!ci!x=hunter2", Flaw::SecondId),
            ("root@pam!c/i=hunter2", Flaw::IdCharacter),
            ("root!ci=hunter2", Flaw::Realm),
            ("root@pam!ci=hunter2 hunter2", Flaw::Character),
        ] {
            assert_eq!(Credentials::token(text.into()).unwrap_err(), SettingsError::Token(flaw), "{text}");
        }
        assert!(Credentials::token(" root@pam!c-i.1_2=hunter2\n".into()).is_ok());
        assert!(Credentials::token("a@b@ldap!ci=hunter2".into()).is_ok());
    }

    #[test]
    fn a_caller_is_named_without_the_secret() {
        let who = Credentials::token("tf@pve!ci=hunter2".into()).unwrap().who();
        assert_eq!((who.user.as_str(), who.token.as_deref()), ("tf@pve", Some("tf@pve!ci")));
    }

    #[test]
    fn a_user_is_no_token() {
        let refusal = |text| Credentials::username(text).unwrap_err();
        assert!(matches!(refusal("root@pam!ci"), SettingsError::TokenAsUsername(_)));
        assert!(matches!(refusal("\"root@pam\""), SettingsError::Username(_, Flaw::Quotes)));
        assert!(matches!(refusal("root"), SettingsError::Username(_, Flaw::Realm)));
        assert_eq!(Credentials::username(" o'brien@ad ").unwrap(), "o'brien@ad");
    }
}
