//! The common part of all data sources: arguments in, answers fetched, noun out.

use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::future::BoxFuture;
use pve_schemas::noun::Noun;
use pve_schemas::rest::Rest;
use pve_schemas::value::Entry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::client::{Call, Client, Collection, Error, ErrorKind};
use crate::explain::explain;
use crate::framework::{Context, DataSource, Elements, Failure, Role, Schema, Type, Value, from_model, to_model};
use crate::privileges::{self, Need};
use crate::session::{Session, SharedSimulation, SshAccess, call};
use crate::unknown::UnknownProperties;

/// A noun that is read as a whole.
pub trait Source: Noun {
    /// What the user may ask for.
    type Arguments: DeserializeOwned + Send;

    /// The list that may be long: `read` gives its elements to [`Reader::push`], and leaves it empty.
    const LONG_LIST: Option<&'static str> = None;

    /// Fetches what the noun is made from.
    fn read(reader: &Reader<'_>, arguments: Self::Arguments) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// The data source of a noun, for the registry.
pub fn data_source<N: Source>(session: &Arc<Session>) -> Box<dyn DataSource> {
    Box::new(Adapter::<N> { session: session.clone(), schema: OnceLock::new(), noun: std::marker::PhantomData })
}

/// The frame of one read.
pub struct Reader<'a> {
    pub client: Client,
    /// The nodes' shells, if the configuration has them.
    pub ssh: SshAccess,
    /// The bounds of this read.
    pub call: Call,
    pub cx: &'a Context,
    /// What is read, for messages.
    pub title: &'static str,
    /// The privileges that a read of it needs.
    pub needs: &'static [Need],
    /// The unsupported properties and types of the cluster that were already reported.
    pub unknown: Arc<UnknownProperties>,
    /// What each single failure would do, if a read of this walk has computed it.
    pub simulated: SharedSimulation,
    /// Where the elements of the noun's long list go.
    pub elements: Mutex<&'a mut dyn Elements>,
    pub element: Type,
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
    /// The run is interrupted.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.call.stop.is_cancelled() {
            return Err(Failure::refused(format!("{}: interrupted. Nothing was changed.", self.title)));
        }
        Ok(())
    }

    /// Warns of unsupported properties of the entries of the noun `N`: the data source leaves them out.
    pub fn warn_unknown<N: Rest>(&self, entries: &Json) {
        let Some(key) = N::COLLECTION.key() else { return };
        for entry in entries.as_array().into_iter().flatten() {
            let key = Entry(entry).text(key).unwrap_or_default();
            if let Some(kind) = N::unknown_type(entry) {
                self.unknown.warn_type(self.cx, &key, kind);
            } else if let Some(parsed) = N::owns(entry).then(|| N::parse(entry).ok()).flatten() {
                self.unknown.warn::<N>(self.cx, &format!("{} {key}", N::TITLE), &parsed.unknown);
            }
        }
    }

    /// Gives away an element of the noun's long list.
    ///
    /// # Errors
    /// It is not of the schema's type.
    pub fn push(&self, element: &impl Serialize) -> Result<(), Failure> {
        let value = from_model(element, &self.element).map_err(|problem| self.unexpected(problem))?;
        self.elements.lock().unwrap_or_else(PoisonError::into_inner).push(value);
        Ok(())
    }

    /// The failure of a request. Where one of several privileges is enough, Proxmox refuses without a name of one.
    pub fn failed(&self, error: &Error) -> Failure {
        let failure = explain(self.title, error);
        let is_forbidden = error.kind() == ErrorKind::Forbidden;
        let Some(needs) = privileges::unnamed(self.needs, &failure.detail).filter(|_| is_forbidden) else {
            return failure;
        };
        let detail = format!(
            "{}: a privilege is missing, which Proxmox does not name. Reading needs {}.\n{}",
            self.title,
            needs,
            error.quote()
        );
        Failure { detail, ..failure }
    }

    /// The diagnostic for an answer that the noun can't be made from.
    pub fn unexpected(&self, problem: impl Display) -> Failure {
        Failure::refused(format!(
            "{}: the response can't be parsed: {problem}.\nCheck that `endpoint` is a node of the cluster.",
            self.title
        ))
    }
}

struct Adapter<N> {
    session: Arc<Session>,
    /// Made on first use, since a user waits for the start of the process.
    schema: OnceLock<Schema>,
    noun: std::marker::PhantomData<fn() -> N>,
}

impl<N: Source> Adapter<N> {
    /// The type of the long list's elements.
    fn element(&self) -> Type {
        let attributes = &self.schema().block.attributes;
        let list = attributes.iter().find(|attribute| Some(attribute.name.as_str()) == N::LONG_LIST);
        match list.map(|list| &list.ty) {
            Some(Type::List(element)) => (**element).clone(),
            _ => Type::Object(Vec::new()),
        }
    }
}

impl<N: Source> DataSource for Adapter<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn title(&self) -> &'static str {
        N::TITLE
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::packed::<N>(Role::DataSource))
    }

    fn long_list(&self) -> Option<&'static str> {
        N::LONG_LIST
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        config: &'a Value,
        elements: &'a mut dyn Elements,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let arguments = to_model(config).map_err(|problem| Failure::refused(problem.to_string()))?;
            let configured = self.session.ready()?;
            let (client, ssh) = (configured.client.clone(), configured.ssh.clone());
            let (unknown, simulated) = (configured.unknown.clone(), configured.simulated.clone());
            let reader = Reader {
                client,
                ssh,
                call: call(cx),
                cx,
                title: N::TITLE,
                needs: privileges::of_data_source(N::NAME),
                unknown,
                simulated,
                elements: Mutex::new(elements),
                element: self.element(),
            };
            let noun = N::read(&reader, arguments).await?;
            from_model(&noun, &self.schema().ty()).map_err(|problem| reader.unexpected(problem))
        })
    }
}
