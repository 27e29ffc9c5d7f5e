//! The port of an endpoint that names none.
//!
//! A node listens on 8006, a proxy in front of it on 443, and `https://pve1` may mean either. Both are asked for the realms, which
//! Proxmox lists without authentication, so that the credentials are sent only to a server that has answered as Proxmox does.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::Params;
use super::answer;
use super::endpoint::Endpoint;
use super::error::{Error, ErrorKind, Obstacle};
use super::transport::{Request, Transport};

/// `GET /access/domains` needs no login.
const REALMS: &str = "/access/domains";

/// How long one of the two may take; both fit into the time that configuring has.
const LOOK_TIMEOUT: Duration = Duration::from_secs(6);

/// A realm; every cluster has `pam` and `pve`.
#[derive(Deserialize)]
struct Realm {
    realm: String,
}

/// The one of the two that Proxmox answers at: the first where both do.
pub(super) async fn find(transport: &Transport, [web, node]: &[Endpoint; 2]) -> Result<Endpoint, Error> {
    let (first, second) = (pin!(look(transport, web)), pin!(look(transport, node)));
    let (first, second) = match select(first, second).await {
        Either::Left((Ok(()), _)) => (Ok(()), Ok(())),
        Either::Left((first, second)) => (first, second.await),
        Either::Right((second, first)) => (first.await, second),
    };
    match choose(first, second) {
        Ok(Port::Web) => Ok(web.clone()),
        Ok(Port::Node) => {
            tracing::info!(endpoint = %node, "`endpoint` has no port: Proxmox VE answers on 8006 and not on 443");
            Ok(node.clone())
        }
        Err(error) => Err(error),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// 443.
    Web,
    /// 8006.
    Node,
}

/// The port to use, or what of the two failures says more.
fn choose(web: Result<(), Error>, node: Result<(), Error>) -> Result<Port, Error> {
    let (web, node) = match (web, node) {
        (Ok(()), _) => return Ok(Port::Web),
        (_, Ok(())) => return Ok(Port::Node),
        (Err(web), Err(node)) => (web, node),
    };
    // On 8006 with an untrusted certificate it is a node. Otherwise an answer is more specific than a timeout.
    let is_node = matches!(node.kind(), ErrorKind::Certificate(_)) || (is_silent(&web) && !is_silent(&node));
    let (reported, port, other) = if is_node { (node, 443, web) } else { (web, 8006, node) };
    Err(reported.with_note(format!(
        "`endpoint` has no port: Proxmox VE answers on neither 443 nor 8006. On {port}: {}",
        other.quote()
    )))
}

fn is_silent(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable(Obstacle::Dns | Obstacle::Connect))
}

/// Whether Proxmox answers there. Nothing that is secret is sent.
async fn look(transport: &Transport, endpoint: &Endpoint) -> Result<(), Error> {
    let params = Params::new();
    let request = Request { method: &Method::GET, path: REALMS, params: &params };
    let answer = transport.exchange_at(request, HeaderMap::new(), endpoint, LOOK_TIMEOUT.min(transport.timeout)).await;
    // Whatever was asked for was not sent: an answer that did not come is a connection that could not be made.
    let lost = |error: Error| match error.kind() {
        ErrorKind::Ambiguous | ErrorKind::Unanswered => error.with_kind(ErrorKind::Unreachable(Obstacle::Connect)),
        _ => error,
    };
    let answer = answer.map_err(lost)?;
    let status = answer.status;
    let other = |words: String| {
        Error::new(ErrorKind::Foreign, &Method::GET, REALMS, words).with_answer(status, Default::default())
    };
    let realms = answer::judge(&Method::GET, REALMS, answer).map_err(|error| match error.kind() {
        ErrorKind::Foreign => error,
        _ => other(error.message().to_owned()),
    })?;
    let realms: Vec<Realm> = realms.typed().map_err(|_| other("no list of realms".to_owned()))?;
    if realms.iter().any(|realm| realm.realm == "pam") { Ok(()) } else { Err(other("no list of realms".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::Certificate;

    fn failed(kind: ErrorKind, words: &str) -> Result<(), Error> {
        Err(Error::new(kind, &Method::GET, REALMS, words))
    }

    #[test]
    fn the_table() {
        let silent = |words| failed(ErrorKind::Unreachable(Obstacle::Connect), words);
        let foreign = |words| failed(ErrorKind::Foreign, words);
        let untrusted = |words| failed(ErrorKind::Certificate(Certificate::UnknownIssuer), words);
        assert_eq!(choose(Ok(()), Ok(())).unwrap(), Port::Web);
        assert_eq!(choose(Ok(()), silent("node")).unwrap(), Port::Web);
        for web in [silent("web"), foreign("web"), untrusted("web")] {
            assert_eq!(choose(web, Ok(())).unwrap(), Port::Node);
        }
        for (web, node, reported) in [
            (silent("web"), silent("node"), "web"),
            (foreign("web"), silent("node"), "web"),
            (untrusted("web"), silent("node"), "web"),
            (foreign("web"), foreign("node"), "web"),
            (silent("web"), foreign("node"), "node"),
            (silent("web"), untrusted("node"), "node"),
            (foreign("web"), untrusted("node"), "node"),
            (untrusted("web"), untrusted("node"), "node"),
        ] {
            let error = choose(web, node).unwrap_err();
            assert_eq!(error.message(), reported);
            let (note, other) = (error.note().unwrap(), if reported == "web" { "node" } else { "web" });
            assert!(note.contains("443") && note.contains("8006") && note.contains(other), "{note}");
        }
    }
}
