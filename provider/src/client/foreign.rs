//! Responses that can't be from pveproxy.
//!
//! Over TLS it never redirects, sends no `WWW-Authenticate`, answers 501 rather than 404 for an unknown path, and
//! whatever it says in a body below `/api2/json` is its JSON envelope or plain text. Any other response is from a
//! server in front of it or in its place, which has not forwarded the request.

use http::header::{CONTENT_TYPE, HeaderName, LOCATION, WWW_AUTHENTICATE};
use reqwest::Method;
use url::Url;

use super::transport::Answer;
use super::version::VERSION;

/// How much of a page's title is shown.
const TITLE: usize = 60;

/// What shows that the answer isn't pveproxy's, as a sentence; none if it may be.
pub(super) fn sign(method: &Method, path: &str, answer: &Answer) -> Option<String> {
    match answer.status {
        300..400 => Some(match header(answer, &LOCATION) {
            Some(target) => format!("It redirects to {}.", without_query(target)),
            None => "It is a redirect.".to_owned(),
        }),
        // A load balancer that has lost pveproxy, which may have got the request before.
        502..505 => None,
        401 if answer.headers.contains_key(WWW_AUTHENTICATE) => {
            let scheme = header(answer, &WWW_AUTHENTICATE).and_then(|challenge| challenge.split(' ').next());
            Some(format!("It requires HTTP authentication ({}).", scheme.unwrap_or("unnamed")))
        }
        404 if path == VERSION => Some("It has no /api2/json/version.".to_owned()),
        // Whether the write behind such a page was carried out is not known.
        200..300 | 500.. if is_page(answer) && *method != Method::GET => None,
        500.. if is_other_json(answer) && *method != Method::GET => None,
        _ if is_page(answer) => Some(match title(answer) {
            Some(title) => format!("It is a web page, {title:?}."),
            None => "It is a web page.".to_owned(),
        }),
        400.. if is_other_json(answer) => Some("It is JSON, but not of the Proxmox VE API.".to_owned()),
        _ => None,
    }
}

/// Whether the body is HTML.
pub(super) fn is_page(answer: &Answer) -> bool {
    header(answer, &CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"))
        || answer.body.trim_ascii_start().starts_with(b"<")
}

/// Every object that pveproxy answers has `data`, if only as null.
pub(super) fn is_other_json(answer: &Answer) -> bool {
    let body: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(&answer.body);
    body.is_ok_and(|members| !members.contains_key("data"))
}

fn header<'a>(answer: &'a Answer, name: &HeaderName) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

/// A query may hold what is secret.
fn without_query(target: &str) -> String {
    let bare = |mut url: Url| {
        url.set_query(None);
        url.set_fragment(None);
        // A URL that can't have them has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    };
    Url::parse(target).map_or_else(|_| target.split(['?', '#']).next().unwrap_or_default().to_owned(), bare)
}

fn title(answer: &Answer) -> Option<String> {
    let page = String::from_utf8_lossy(&answer.body);
    let rest = page.split_once("<title>")?.1;
    let title: String = rest.split_once("</title>")?.0.trim().chars().take(TITLE).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, headers: &[(HeaderName, &str)], body: &'static str) -> Answer {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        Answer { status, reason: "x".to_owned(), headers, body: body.into() }
    }

    fn of(status: u16, headers: &[(HeaderName, &str)], body: &'static str) -> Option<String> {
        sign(&Method::GET, "/cluster/ha/resources", &answer(status, headers, body))
    }

    #[test]
    fn what_pveproxy_never_answers() {
        let redirect = of(302, &[(LOCATION, "https://u:p@auth.example.com/login?rd=secret#x")], "").unwrap();
        assert_eq!(redirect, "It redirects to https://auth.example.com/login.");
        assert_eq!(of(307, &[(LOCATION, "/login?next=1")], "").unwrap(), "It redirects to /login.");
        assert!(of(301, &[], "").is_some());
        let basic = of(401, &[(WWW_AUTHENTICATE, "Basic realm=\"x\"")], "").unwrap();
        assert!(basic.contains("(Basic)"), "{basic}");
        assert!(of(403, &[], "<html><title>Blocked</title></html>").unwrap().contains("\"Blocked\""));
        assert!(of(200, &[(CONTENT_TYPE, "text/html; charset=utf-8")], "").is_some());
        assert!(of(403, &[], r#"{"error": "forbidden"}"#).is_some());
        assert!(sign(&Method::GET, VERSION, &answer(404, &[], r#"{"data":null}"#)).is_some());
    }

    #[test]
    fn what_pveproxy_may_answer() {
        let envelope = r#"{"data":null,"message":"x\n"}"#;
        for status in [400, 403, 404, 500, 501, 595] {
            assert_eq!(of(status, &[(CONTENT_TYPE, "application/json;charset=UTF-8")], envelope), None, "{status}");
        }
        // 401 and 595 have an empty body, 506 and broken JSON a plain text.
        for (status, body) in [(401, ""), (595, ""), (506, "upload 'Content-Type' not implemented"), (200, "{}")] {
            assert_eq!(of(status, &[], body), None, "{status}");
        }
        for status in [502, 503, 504] {
            assert_eq!(of(status, &[], "<html>Bad Gateway</html>"), None, "a load balancer that has lost pveproxy");
        }
    }

    #[test]
    fn a_page_behind_a_write_may_hide_that_it_was_carried_out() {
        for status in [200, 500] {
            assert_eq!(sign(&Method::POST, "/x", &answer(status, &[], "<html>")), None, "{status}");
        }
        assert!(sign(&Method::POST, "/x", &answer(403, &[], "<html>")).is_some());
        let gateway = answer(500, &[], r#"{"error":"upstream timeout"}"#);
        assert_eq!(sign(&Method::POST, "/x", &gateway), None);
        assert!(sign(&Method::GET, "/x", &gateway).is_some());
    }
}
