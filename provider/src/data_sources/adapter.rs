//! What all data sources have in common: arguments in, answers fetched, noun out.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use pve_schemas::noun::{Noun, Rest};
use pve_schemas::value::Entry;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::client::{Call, Client, Collection, Error};
use crate::explain::explain;
use crate::framework::{Context, DataSource, Failure, Role, Schema, Value, from_model, to_model};
use crate::session::{Session, SshAccess, call};
use crate::unknown::UnknownProperties;

/// A noun that is read as a whole.
pub trait Source: Noun {
    /// What the user may ask for.
    type Arguments: DeserializeOwned + Send;

    /// Fetches what the noun is made from.
    fn read(reader: &Reader<'_>, arguments: Self::Arguments) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// The data source of a noun, for the registry.
pub fn data_source<N: Source>(session: &Arc<Session>) -> Box<dyn DataSource> {
    Box::new(Adapter::<N> { session: session.clone(), schema: OnceLock::new(), noun: std::marker::PhantomData })
}

/// The frame of one read.
#[derive(Debug)]
pub struct Reader<'a> {
    /// Proxmox.
    pub client: Client,
    /// The nodes' shells, if the user wants them used.
    pub ssh: SshAccess,
    /// The bounds of this read.
    pub call: Call,
    /// Where warnings go.
    pub cx: &'a Context,
    /// What is read, for messages.
    pub title: &'static str,
    /// What the cluster has and this provider does not know, as far as it was named.
    pub unknown: Arc<UnknownProperties>,
}

impl Reader<'_> {
    /// The entries of a collection, in the order of Proxmox's answer.
    ///
    /// # Errors
    /// What the request meets.
    pub async fn list(&self, collection: Collection) -> Result<Json, Failure> {
        let listing = self.client.list(collection, &self.call).await;
        let entries = listing.and_then(|listing| listing.all());
        entries.map(Json::Array).map_err(|error| self.failed(&error))
    }

    /// The answer of a collection that is one object.
    ///
    /// # Errors
    /// What the request meets.
    pub async fn object(&self, collection: Collection) -> Result<Json, Failure> {
        let listing = self.client.list(collection, &self.call).await;
        listing.and_then(|listing| listing.object()).map_err(|error| self.failed(&error))
    }

    /// Whether to go on with what sends no request.
    ///
    /// # Errors
    /// The user wants out.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.call.stop.is_cancelled() {
            return Err(Failure::refused(format!("{}: interrupted. Nothing was changed.", self.title)));
        }
        Ok(())
    }

    /// Warns of what the entries of the noun `N` have and this provider does not know: the data source leaves it out.
    pub fn warn_unknown<N: Rest>(&self, entries: &Json) {
        for entry in entries.as_array().into_iter().flatten() {
            let key = Entry(entry).text(N::KEY).unwrap_or_default();
            if let Some(kind) = N::unknown_type(entry) {
                self.unknown.warn_type(self.cx, &key, kind);
            } else if let Some(parsed) = N::owns(entry).then(|| N::parse(entry).ok()).flatten() {
                self.unknown.warn::<N>(self.cx, &format!("{} {key}", N::TITLE), &parsed.unknown);
            }
        }
    }

    /// What the user is told of a failed request.
    pub fn failed(&self, error: &Error) -> Failure {
        explain(self.title, error)
    }

    /// What the user is told of an answer that the noun can't be made from.
    pub fn garbled(&self, problem: String) -> Failure {
        Failure::refused(format!(
            "{}: the response can't be parsed: {problem}.\nCheck that `endpoint` is a node of the cluster.",
            self.title
        ))
    }
}

struct Adapter<N> {
    session: Arc<Session>,
    /// Made when somebody asks: the process starts in front of a waiting user.
    schema: OnceLock<Schema>,
    noun: std::marker::PhantomData<fn() -> N>,
}

impl<N: Source> DataSource for Adapter<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn title(&self) -> &'static str {
        N::TITLE
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::of::<N>(Role::DataSource))
    }

    fn read<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let arguments = to_model(config).map_err(Failure::refused)?;
            let configured = self.session.ready()?;
            let (client, ssh) = (configured.client.clone(), configured.ssh.clone());
            let unknown = configured.unknown.clone();
            let reader = Reader { client, ssh, call: call(cx), cx, title: N::TITLE, unknown };
            let noun = N::read(&reader, arguments).await?;
            from_model(&noun, &self.schema().ty()).map_err(|problem| reader.garbled(problem))
        })
    }
}
