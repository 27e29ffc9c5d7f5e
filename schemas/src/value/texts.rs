//! Formats of texts that need no type of their own.

use std::net::IpAddr;

/// One line without blanks at its ends.
pub(super) fn line(text: &str) -> Result<(), String> {
    demand(!text.contains(['\n', '\r']) && text.trim() == text, "must be a single line without blanks at its ends")
}

/// The text before the login: one line of `datacenter.cfg`, which the web interface decodes as base64.
pub(super) fn consent(text: &str) -> Result<(), String> {
    let base64 = "; write base64encode(\"…\"), which the web interface decodes into the lines of your text";
    line(text).map_err(|demand| demand + base64)
}

/// A value inside a property string.
pub(super) fn property_text(text: &str) -> Result<(), String> {
    let bad = text.is_empty() || text.contains(['\n', '\r', ',']) || text.trim() != text;
    demand(!bad, "must be one line without commas and without blanks at its ends")
}

/// A day, `2026-11-23`.
pub(super) fn date(text: &str) -> Result<(), String> {
    demand(text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10, "must be a date such as \"2026-11-23\"")
}

/// A time with its offset, `2026-11-23T08:00:00Z`.
pub(super) fn rfc_3339(text: &str) -> Result<(), String> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok();
    let has_all = |pieces: jiff::fmt::temporal::Pieces<'_>| pieces.time().is_some() && pieces.offset().is_some();
    let is_time = text.parse::<jiff::Timestamp>().is_ok() && pieces.is_some_and(has_all);
    demand(is_time, "must be a time with its offset, such as 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00")
}

pub(super) fn ip(text: &str) -> Result<(), String> {
    demand(text.parse::<IpAddr>().is_ok(), "must be an IP address, not a host name")
}

/// A host name or IP address, perhaps with a port: `10.0.0.1`, `[fd00::1]:8443`.
pub(super) fn address(text: &str) -> Result<(), String> {
    let is_name = |host: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        !host.is_empty() && host.chars().all(good) && host.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or_default())),
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let has_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let has_host = host.parse::<IpAddr>().is_ok() || is_name(host) && !text.starts_with('[');
    demand(has_host && has_port, "must be an IP address or a host name, perhaps with a port: 10.0.0.12:8443")
}

/// 32 pairs of hex digits, with colons between them.
pub(super) fn fingerprint(text: &str) -> Result<(), String> {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs: Vec<&str> = text.split(':').collect();
    demand(pairs.len() == 32 && pairs.iter().all(|pair| is_pair(pair)), "must be 32 pairs of hex digits: AB:CD:…")
}

pub(super) fn kernel_module(text: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let module = !text.is_empty() && text.bytes().all(good) && !text.starts_with('-');
    demand(module, "must be the name of a kernel module, such as softdog or ipmi_watchdog")
}

pub(super) fn email(text: &str) -> Result<(), String> {
    let good =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+&*-.'".contains(c));
    let address = text.rsplit_once('@').is_some_and(|(user, host)| good(user) && good(host));
    demand(address, "must be a mail address such as root@example.com")
}

pub(super) fn http_proxy(text: &str) -> Result<(), String> {
    line(text)?;
    demand(text.len() > 7 && text.starts_with("http://"), "must begin with http://")
}

pub(super) fn mac_prefix(text: &str) -> Result<(), String> {
    let hex = |c: char| c.is_ascii_hexdigit();
    let pairs: Vec<&str> = text.split(':').collect();
    let shape = (1..=4).contains(&pairs.len())
        && pairs.iter().enumerate().all(|(at, pair)| match (at, pair.len()) {
            // The pattern allows one half pair, or nothing, after a colon at the end.
            (at, 0 | 1) if at > 0 && at + 1 == pairs.len() => pair.chars().all(hex),
            (3, _) => false,
            (_, 2) => pair.chars().all(hex),
            _ => false,
        });
    let unicast = text.chars().nth(1).is_some_and(|c| "02468aceACE".contains(c));
    demand(shape && unicast, "must be the beginning of a unicast MAC address, such as BC:24:11")
}

pub(super) fn tag(text: &str) -> Result<(), String> {
    let head = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let tail = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-+.".contains(c));
    demand(head && tail, "must be a tag: letters, digits, _ and, not in front, - + .")
}

pub(super) fn tag_color(text: &str) -> Result<(), String> {
    let color = |part: &str| part.len() == 6 && part.chars().all(|c| c.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split(':').collect();
    demand(parts.len() <= 2 && parts.iter().all(|p| color(p)), "must be RRGGBB, or RRGGBB:RRGGBB with the text's color")
}

pub(super) fn cidr(text: &str) -> Result<(), String> {
    let fits = text.split_once('/').is_some_and(|(address, prefix)| {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        prefix.bytes().all(|b| b.is_ascii_digit()) && prefix.parse::<u8>().is_ok_and(|p| p <= most)
    });
    demand(fits, "must be a network in CIDR notation, such as 10.0.0.0/24")
}

fn demand(met: bool, demand: &str) -> Result<(), String> {
    if met { Ok(()) } else { Err(demand.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_prefixes() {
        for good in ["BC:24:11", "bc", "02:00", "BC:24:11:", "BC:24:11:a"] {
            assert!(mac_prefix(good).is_ok(), "{good}");
        }
        for bad in ["", "BD:24:11", "b", "BC:24:11:aa", "BC-24", "zz"] {
            assert!(mac_prefix(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_and_colors_and_tags() {
        assert!(cidr("10.0.0.0/24").is_ok() && cidr("fd00::/64").is_ok());
        assert!(
            cidr("10.0.0.0").is_err()
                && cidr("10.0.0.0/33").is_err()
                && cidr("x/8").is_err()
                && cidr("10.0.0.0/+8").is_err()
        );
        assert!(tag_color("00ff00:FFFFFF").is_ok() && tag_color("red").is_err());
        assert!(tag("a-b+c.d_1").is_ok() && tag("-a").is_err() && tag("a b").is_err());
        assert!(property_text("a,b").is_err() && email("a@b.c").is_ok() && email("a b@c").is_err());
    }
}
