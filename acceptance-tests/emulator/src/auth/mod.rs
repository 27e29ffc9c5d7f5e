//! Authentication: tickets, CSRF tokens, API tokens.
//!
//! Invariant: authentication happens before routing, and its refusals have no body.

pub mod ticket;
pub mod totp;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::error::{ApiError, ApiResult};
use crate::route::Method;
use crate::world::World;
use crate::world::access::Caller;
use ticket::Keys;

const COOKIE: &str = "PVEAuthCookie";
const TOKEN: &str = "PVEAPIToken";

/// The credentials a request carries.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    ticket: Option<String>,
    token: Option<String>,
    csrf: Option<String>,
}

impl Credentials {
    /// Reads the headers. A cookie has precedence over `Authorization`.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let ticket = text("cookie").and_then(|c| extract(c, COOKIE));
        let ticket = ticket.or_else(|| text("authorization").and_then(|a| extract(a, COOKIE)));
        let token = match ticket {
            Some(_) => None,
            None => text("authorization").and_then(|a| extract(a, TOKEN)),
        };
        Self { ticket, token, csrf: text("csrfpreventiontoken").map(str::to_owned) }
    }

    /// Whether none were sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticket.is_none() && self.token.is_none()
    }

    /// Whether an API token was sent.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Finds out who calls.
    ///
    /// # Errors
    /// 401 in pveproxy's words.
    pub fn authenticate(&self, world: &World, keys: &Keys, method: Method) -> ApiResult<Caller> {
        if let Some(token) = &self.token {
            return verify_token(world, token);
        }
        let ticket = self.ticket.as_deref().ok_or_else(|| ApiError::unauthorized("No ticket"))?;
        let now = world.now();
        if keys.is_half(ticket) {
            return Err(ApiError::unauthorized("No ticket"));
        }
        let user = keys.verify(ticket, now).filter(|user| world.access.is_valid(user, now));
        let user = user.ok_or_else(|| ApiError::unauthorized("Authentication failed!"))?;
        let csrf_ok = self.csrf.as_deref().is_some_and(|csrf| keys.verify_csrf(csrf, &user, now));
        if method != Method::Get && !csrf_ok {
            return Err(ApiError::unauthorized("Permission denied - invalid csrf token"));
        }
        Ok(Caller::User(user))
    }
}

/// `KEY=VALUE` or `KEY VALUE` at the start of a header or after a blank.
fn extract(header: &str, key: &str) -> Option<String> {
    let start = header.match_indices(key).map(|(i, _)| i).find(|i| {
        let before = header[..*i].chars().next_back();
        let after = header[i + key.len()..].chars().next();
        before.is_none_or(char::is_whitespace) && matches!(after, Some('=' | ' '))
    })?;
    let value = header[start + key.len() + 1..].split(';').next().unwrap_or_default();
    let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

fn verify_token(world: &World, text: &str) -> ApiResult<Caller> {
    let refuse = || ApiError::unauthorized("Authentication failed!");
    let (id, secret) = text.split_once('=').ok_or_else(refuse)?;
    let (user, name) = id.split_once('!').ok_or_else(refuse)?;
    let now = world.now();
    let token = world.access.users.get(user).and_then(|u| u.tokens.get(name)).ok_or_else(refuse)?;
    let alive = world.access.is_valid(user, now) && (token.expire == 0 || token.expire > now);
    if !alive || token.secret.is_empty() || token.secret != secret {
        return Err(refuse());
    }
    Ok(Caller::Token { user: user.to_owned(), token: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_where_proxmox_looks() {
        assert_eq!(extract("a=b; PVEAuthCookie=x%3Ay; c=d", COOKIE).as_deref(), Some("x:y"));
        assert_eq!(extract("PVEAPIToken u@r!t=s", TOKEN).as_deref(), Some("u@r!t=s"));
        assert_eq!(extract("XPVEAPIToken=u", TOKEN), None);
        assert_eq!(extract("Bearer x", TOKEN), None);
    }
}
