//! Receivers of notifications on this machine: an HTTP and an SMTP server that keep in mind what they are sent.
//!
//! They behave as those did to which the recorded notifications went: `recordings/FORMAT.md` says how. What they have received is
//! kept in the form of the recordings.

mod http;
mod smtp;

use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Both servers. They end when this is dropped.
#[derive(Debug)]
pub struct Receivers {
    /// Where the HTTP server listens.
    pub http: SocketAddr,
    /// Where the SMTP server listens.
    pub smtp: SocketAddr,
    inbox: Inbox,
    _stop: DropGuard,
}

/// What was received, and how many connections are open.
#[derive(Clone, Debug)]
struct Inbox {
    entries: Arc<Mutex<Vec<Value>>>,
    open: watch::Sender<usize>,
}

impl Receivers {
    /// Starts both servers on free ports.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start() -> io::Result<Self> {
        let inbox = Inbox { entries: Arc::default(), open: watch::Sender::new(0) };
        let stop = CancellationToken::new();
        let (http, smtp) = (TcpListener::bind(("127.0.0.1", 0)).await?, TcpListener::bind(("127.0.0.1", 0)).await?);
        let (http_address, smtp_address) = (http.local_addr()?, smtp.local_addr()?);
        listen(http, &inbox, &stop, http::serve);
        listen(smtp, &inbox, &stop, smtp::serve);
        Ok(Self { http: http_address, smtp: smtp_address, inbox, _stop: stop.drop_guard() })
    }

    /// Everything that was received since it was taken last. What is still being received is waited for.
    pub async fn take(&self) -> Vec<Value> {
        let mut open = self.inbox.open.subscribe();
        // The sender lives as long as this does.
        let _ = open.wait_for(|open| *open == 0).await;
        std::mem::take(&mut *self.inbox.entries())
    }
}

impl Inbox {
    fn entries(&self) -> MutexGuard<'_, Vec<Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen<F>(listener: TcpListener, inbox: &Inbox, stop: &CancellationToken, serve: fn(TcpStream, Inbox) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (inbox, stop) = (inbox.clone(), stop.clone());
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            inbox.open.send_modify(|open| *open += 1);
            let (inbox, stop) = (inbox.clone(), stop.clone());
            tokio::spawn(async move {
                // A client that disconnects in the middle has still sent a part.
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = serve(stream, inbox.clone()) => {}
                }
                inbox.open.send_modify(|open| *open -= 1);
            });
        }
    });
}
