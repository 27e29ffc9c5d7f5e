//! A server without a network, so that the paused clock only jumps when nothing is left to do.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use reqwest::header::HeaderMap;
use secrecy::SecretString;

use super::server::{Handler, Reply, Seen, TOKEN, at_once};
use crate::client::transport::{Answer, Request, Transport};
use crate::client::{Client, Credentials, DEFAULT_REQUEST_TIMEOUT, Endpoint, Error, ErrorKind, Settings, Trust};

pub(crate) struct Fake {
    handler: Handler,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Answers with `handler`, at once.
    pub(crate) fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(at_once(handler))
    }

    /// Answers with `handler`, when it is ready.
    pub(crate) fn start_async<F>(handler: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::new(Arc::new(move |seen| Box::pin(handler(seen))))
    }

    fn new(handler: Handler) -> Self {
        Self { handler, seen: Arc::default() }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_of(Credentials::token(SecretString::from(TOKEN)).unwrap())
    }

    pub(crate) fn client_of(&self, credentials: Credentials) -> Client {
        let settings = Settings {
            endpoint: Endpoint::parse("https://pve1:8006").unwrap(),
            fallback_endpoints: Vec::new(),
            credentials: credentials.clone(),
            trust: Trust::Anyone,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
        };
        let (handler, log) = (self.handler.clone(), self.seen.clone());
        let script = Box::new(move |request: Request<'_>, headers: HeaderMap| {
            let (method, path) = (request.method.clone(), request.path.to_owned());
            let seen = seen(request, &headers);
            log.lock().unwrap().push(seen.clone());
            let reply = handler(seen);
            async move {
                match reply.await {
                    Reply::Answer(status, reason, body) => {
                        Ok(Answer { status, reason, headers: HeaderMap::new(), body: body.into() })
                    }
                    // Without a network there is no wire.
                    Reply::Raw(_) | Reply::Close => {
                        let message = "connection closed before message completed";
                        Err(Error::new(ErrorKind::Ambiguous, &method, &path, message))
                    }
                    Reply::Hang => std::future::pending().await,
                }
            }
            .boxed()
        });
        Client::over(Transport::scripted(&settings, script), credentials)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests as `METHOD PATH`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|seen| *seen == line).count()
    }
}

fn seen(request: Request<'_>, headers: &HeaderMap) -> Seen {
    let form = request.params.pairs().into_iter();
    let headers = headers.iter();
    Seen {
        method: request.method.to_string(),
        path: request.path.to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
        form: form.map(|(name, value)| (name.to_owned(), value.into_owned())).collect(),
    }
}
