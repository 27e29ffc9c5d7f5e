//! What the texts of targets and matchers may be. Proxmox refuses some of these while it writes its file, with a status 500,
//! and others only when it sends the first notification.

use super::filter::pattern;
use super::window::Window;

/// One line. Proxmox loses blanks at the ends of a value when it reads its file again.
pub(crate) fn line(text: &str) -> Result<(), String> {
    demand(!text.contains(char::is_control), "must be a single line without control characters")?;
    demand(text.trim() == text, "must not begin or end with a blank: Proxmox loses it")
}

/// A value that is kept in clear and may not be empty.
fn value(text: &str) -> Result<(), String> {
    demand(!text.is_empty(), "must not be empty")?;
    line(text)
}

/// A secret that is kept as it is.
pub(crate) fn secret(text: &str) -> Result<(), String> {
    value(text)
}

/// An address with a domain: the SMTP client refuses all others when it sends.
pub(crate) fn address(text: &str) -> Result<(), String> {
    let is_address = text.split_once('@').is_some_and(|(user, domain)| is_local_part(user) && is_domain(domain));
    demand(is_address, "must be a mail address with a domain, such as root@example.com")
}

/// An address, or a user of the node that sends.
pub(crate) fn address_or_user(text: &str) -> Result<(), String> {
    let is_address = text.split_once('@').is_none_or(|(user, domain)| is_local_part(user) && is_domain(domain));
    let is_user = text.contains('@') || is_local_part(text);
    demand(is_address && is_user, "must be a mail address such as root@example.com, or a user of the node such as root")
}

fn is_local_part(text: &str) -> bool {
    let good = |c: char| c.is_alphanumeric() || "_+-~".contains(c);
    text.split('.').all(|part| !part.is_empty() && part.chars().all(good))
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// A user of Proxmox.
pub(crate) fn user(text: &str) -> Result<(), String> {
    let is_realm = |realm: &str| {
        realm.len() >= 2
            && realm.starts_with(|c: char| c.is_ascii_alphabetic())
            && realm.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let is_name = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || ":/".contains(c));
    let is_user = text.rsplit_once('@').is_some_and(|(name, realm)| is_name(name) && is_realm(realm));
    demand(is_user && text.chars().count() <= 64, "must be a user with its realm, such as root@pam")
}

/// The host of an SMTP relay.
pub(crate) fn host(text: &str) -> Result<(), String> {
    let is_name = !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
    let is_host = is_name || text.parse::<std::net::IpAddr>().is_ok();
    demand(is_host, "must be a host name or an IP address; the port is an attribute of its own")
}

/// The URL of a Gotify server: Proxmox adds `/message` to it.
pub(crate) fn base_url(text: &str) -> Result<(), String> {
    line(text)?;
    demand(is_url(text) && !text.contains(char::is_whitespace), "must be a URL such as https://gotify.example.com")?;
    demand(!text.contains(['?', '#']), "must not have a query: Proxmox adds /message to it")?;
    demand(!text.ends_with('/'), "must not end with a slash: Proxmox adds /message to it")
}

/// The URL of a webhook. It is a template.
pub(crate) fn url_template(text: &str) -> Result<(), String> {
    line(text)?;
    demand(is_url(text), "must be a URL that begins with http:// or https://")?;
    template(text)?;
    let blank = outside_of_expressions(text).any(|part| part.contains(char::is_whitespace));
    demand(!blank, "must not contain a blank outside of an expression in {{ }}: write %20")
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']))
}

/// What of a template is not an expression.
fn outside_of_expressions(text: &str) -> impl Iterator<Item = &str> {
    let (first, rest) = text.split_once("{{").unwrap_or((text, ""));
    let behind = rest.split("{{").map(|part| part.split_once("}}").map_or("", |(_, behind)| behind));
    std::iter::once(first).chain(behind)
}

/// A template of Handlebars, as far as it can be checked without its helpers.
pub(crate) fn template(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        if before.ends_with('\\') {
            rest = inside;
            continue;
        }
        let end = inside.split_once("}}");
        let (_, behind) = end.ok_or("has an expression that begins with {{ and does not end with }}")?;
        rest = behind;
    }
    Ok(())
}

/// The name of a header or secret: what is a token of HTTP, which Proxmox's property strings and templates take, too.
pub(crate) fn token(text: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    demand(
        !text.is_empty() && text.bytes().all(good),
        "must consist of ASCII letters, digits, dashes and underscores, without blanks, commas and =",
    )
}

/// The value of a header. It is a template.
pub(crate) fn header(text: &str) -> Result<(), String> {
    value(text)?;
    template(text)
}

/// The name of a field of an event.
pub(crate) fn field(text: &str) -> Result<(), String> {
    demand(!text.contains('='), "must not contain =")?;
    value(text)
}

/// A value of a field of an event.
pub(crate) fn field_value(text: &str) -> Result<(), String> {
    demand(!text.contains(','), "must not contain a comma: write several elements")?;
    value(text)
}

/// A pattern for a field of an event.
pub(crate) fn field_pattern(text: &str) -> Result<(), String> {
    value(text)?;
    pattern(text).map(|_| ()).map_err(|malformed| malformed.0)
}

/// The hours of a matcher.
pub(crate) fn hours(text: &str) -> Result<(), String> {
    line(text)?;
    text.parse::<Window>().map(|_| ()).map_err(|malformed| malformed.0)
}

fn demand(met: bool, demand: &str) -> Result<(), String> {
    if met { Ok(()) } else { Err(demand.to_owned()) }
}

#[cfg(test)]
mod tests {
    use crate::value::check;

    /// Which of these texts a format takes.
    fn taken<'t>(format: &str, texts: &[&'t str]) -> Vec<&'t str> {
        texts.iter().copied().filter(|text| check(format, text).is_ok()).collect()
    }

    #[test]
    fn addresses_have_a_domain_where_smtp_demands_it() {
        let texts = ["a@b", "a.b+c~d@x-1.example.org", "root", "a@", "@b", "a b@c", "a@b,c@d", "a@b@c", "", "a..b@c"];
        assert_eq!(taken("pve-mail-address", &texts), texts[..2]);
        assert_eq!(taken("pve-mail-address-or-user", &texts), texts[..3]);
    }

    #[test]
    fn users_have_a_realm() {
        let texts = ["root@pam", "a.b@c@pve", "ghost@pve", "root", "a@b", "a b@pve", "a:b@pve", "@pve", ""];
        assert_eq!(taken("pve-user-id", &texts), texts[..3]);
        assert!(check("pve-user-id", &format!("{}@pve", "u".repeat(61))).is_err());
    }

    #[test]
    fn servers_are_hosts_and_urls() {
        let texts =
            ["mail.example.com", "relay_1", "192.0.2.1", "fd00::1", "mail:25", "a b", "", "smtp://x", "[::1]", "a..b"];
        assert_eq!(taken("pve-smtp-host", &texts), texts[..4]);
        let texts = [
            "https://push.example.org",
            "http://192.0.2.1:8080/gotify",
            "no url at all",
            "ftp://x",
            "https://",
            "https:///x",
            "https://a b",
            "https://a/",
            "https://a?x=1",
        ];
        assert_eq!(taken("pve-gotify-url", &texts), texts[..2]);
    }

    #[test]
    fn webhooks_are_templates() {
        let urls = [
            "https://x/{{ secrets.tok }}?t={{ url-encode title }}",
            "http://x",
            "nourl",
            "ftp://x/y",
            "https://x/{{ title",
            "https://x/a b",
            "https://x/{{ title }} b",
            "https://x\n",
            "",
        ];
        assert_eq!(taken("pve-webhook-url", &urls), urls[..2]);
        let bodies =
            ["{\"text\":\"{{ escape message }}\"}", "a\nb", "", "{\"a\":{\"b\":1}}", "\\{{ x", "{{ x }", "{{ a }} {{"];
        assert_eq!(taken("pve-webhook-template", &bodies), bodies[..5]);
        let headers = ["Bearer {{ secrets.tok }}", "x", "", " x", "a\nb", "{{ x"];
        assert_eq!(taken("pve-webhook-header", &headers), headers[..2]);
        let names = ["Content-Type", "tok_1", "", "a b", "a,b", "a=b", "ü"];
        assert_eq!(taken("pve-webhook-name", &names), names[..2]);
    }

    #[test]
    fn conditions_are_what_proxmox_takes() {
        let fields = ["type", "job-id", "", "a=b", " a", "a\n"];
        assert_eq!(taken("pve-notification-field", &fields), fields[..2]);
        let values = ["fencing", "a=b", "", "a,b", " a", "a "];
        assert_eq!(taken("pve-notification-field-value", &values), values[..2]);
        let patterns = ["^pve[12]$", "a,b=c", "", "[", "(?=x)", " a"];
        assert_eq!(taken("pve-notification-pattern", &patterns), patterns[..2]);
        let hours = ["8-17", "mon..fri 8:00-17:30", "mon-fri 9-17", "22:00-6:00", "mon", " 8-9", "8-9 ", "25-26", ""];
        assert_eq!(taken("pve-notification-hours", &hours), hours[..2]);
    }

    #[test]
    fn lines_are_kept_as_they_are() {
        let texts = ["on call – ü", "", "a\nb", "a\tb", " a", "a "];
        assert_eq!(taken("pve-notification-line", &texts), texts[..2]);
        assert_eq!(taken("pve-notification-secret", &texts), texts[..1]);
    }
}
