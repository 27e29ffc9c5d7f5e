//! A resource type in memory, in the second version of its schema, with faults on demand.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas_macros::tf_block;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::server::{Fault, Server};
use crate::framework::{
    Activity, Cause, Change, Checks, Configure, Context, DataSource, Diagnostics, Failure, Found, Freshness, GivenUp,
    Permit, PlanChecks, Provider, Resource, Role, Schema, Stop, Value, WritePermit,
};

/// A thing.
#[tf_block(version = 2)]
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Thing {
    /// Its name.
    #[tf(required, replace)]
    pub name: String,
    /// How many.
    #[tf(default = 3)]
    #[schemars(range(min = 1, max = 9))]
    pub size: Option<i64>,
    /// Words.
    #[tf(null_means = "")]
    pub comment: Option<String>,
    /// Its state.
    #[tf(aliases(on = "started"))]
    pub state: Option<String>,
    /// A secret.
    #[tf(sensitive)]
    pub secret: Option<String>,
    /// A secret that a read does not return.
    #[tf(secret)]
    pub token: Option<String>,
    /// The same, in no state.
    #[tf(write_only)]
    pub token_wo: Option<String>,
    /// Sends it.
    #[tf(local)]
    pub token_wo_version: Option<i64>,
    /// Tags.
    #[schemars(extend("uniqueItems" = true))]
    pub tags: Option<Vec<String>>,
    /// Given by the server.
    #[tf(computed)]
    pub serial: Option<i64>,
    /// How often it was written.
    #[tf(computed, volatile)]
    pub writes: Option<i64>,
    /// Kept here only.
    #[tf(default = false, local)]
    pub note: Option<bool>,
}

/// The resource type.
#[derive(Clone)]
pub struct Things {
    pub server: Arc<Mutex<Server>>,
    /// What the checks of each plan were beside.
    pub beside: Arc<Mutex<Vec<Arc<Activity>>>>,
    schema: Arc<Schema>,
}

impl Things {
    pub fn new() -> Self {
        Self { server: Arc::default(), beside: Arc::default(), schema: Arc::new(Schema::of::<Thing>(Role::Resource)) }
    }

    pub fn provider(&self) -> Provider {
        Provider::new(
            Box::new(Block(Schema::of::<Nothing>(Role::Provider))),
            vec![Box::new(self.clone())],
            Vec::<Box<dyn DataSource>>::new(),
            Vec::new(),
        )
    }

    pub fn faults(&self, faults: &[Fault]) -> &Self {
        self.server.lock().unwrap().faults = faults.iter().copied().collect();
        self
    }

    pub fn dead_reads(&self, count: usize) -> &Self {
        self.server.lock().unwrap().dead_reads = count;
        self
    }

    pub fn object(&self, name: &str) -> Option<Value> {
        self.server.lock().unwrap().objects.get(name).cloned()
    }

    pub fn edit(&self, name: &str, attribute: &str, value: Value) {
        self.server.lock().unwrap().objects.get_mut(name).unwrap().insert(attribute, value);
    }

    pub fn token(&self, name: &str) -> Option<String> {
        self.server.lock().unwrap().tokens.get(name).cloned()
    }

    pub fn writes(&self) -> usize {
        self.server.lock().unwrap().writes.len()
    }

    fn wait(&self) -> Result<(), Failure> {
        let mut server = self.server.lock().unwrap();
        let held = server.permits;
        server.waits.push(held);
        Ok(())
    }

    /// One request: its fault decides.
    fn request(&self, what: &str, execute: impl FnOnce(&mut Server) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut server = self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        server.writes.push(what.to_owned());
        match server.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => execute(&mut server),
            Fault::LostAfter => {
                execute(&mut server)?;
                Err(Failure::new(Cause::Ambiguous, "the answer was lost"))
            }
            Fault::LostBefore => Err(Failure::new(Cause::Ambiguous, "the answer was lost")),
            Fault::Refused => Err(Failure::refused("no")),
            Fault::InUse => Err(Failure::new(Cause::InUse, "in use. Nothing was changed.")),
            Fault::Stale => Err(Failure::new(Cause::Stale, "changed")),
            Fault::Panic => {
                execute(&mut server)?;
                drop(server);
                panic!("a bug in the operation")
            }
        }
    }
}

/// The attributes of a thing.
pub const NAMES: [&str; 14] = [
    "id",
    "name",
    "size",
    "comment",
    "state",
    "secret",
    "token",
    "token_wo",
    "token_wo_version",
    "tags",
    "serial",
    "writes",
    "note",
    "timeouts",
];

/// A wholly known thing as it would be planned.
pub fn thing(name: &str, size: i64) -> Value {
    let mut object = Value::object(NAMES.map(|n| (n, Value::Null)));
    object.insert("name", Value::from(name));
    object.insert("size", Value::from(size));
    object
}

/// Takes the token out of an object, as a request carries it.
fn take_token(object: &mut Value) -> Option<String> {
    let [token, write_only] = ["token", "token_wo"].map(|name| object.at(name).as_str().map(str::to_owned));
    for name in ["token", "token_wo", "token_wo_version"] {
        object.insert(name, Value::Null);
    }
    write_only.or(token)
}

fn name(object: &Value) -> String {
    object.at("name").as_str().unwrap_or_default().to_owned()
}

/// Checks that find nothing.
struct Look<'a>(&'a Things);

impl PlanChecks for Look<'_> {
    fn change<'a>(&'a self, cx: &'a Context, _: Change<'a>) -> BoxFuture<'a, Diagnostics> {
        self.0.beside.lock().unwrap().push(cx.activity.clone());
        async { Diagnostics::new() }.boxed()
    }
}

impl Resource for Things {
    fn planned<'a>(&'a self, _: Option<&Value>, _: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        (Diagnostics::new(), Box::new(Look(self)))
    }

    fn name(&self) -> &'static str {
        "pve_thing"
    }

    fn title(&self) -> &'static str {
        "thing"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn adopts(&self) -> bool {
        self.server.lock().unwrap().adopts
    }

    fn always_exists(&self, _object: &Value) -> bool {
        self.server.lock().unwrap().always_exists
    }

    fn id(&self, object: &Value) -> Option<String> {
        object.at("name").as_str().map(str::to_owned)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        if id.contains('/') { Err("a slash".to_owned()) } else { Ok(Value::object([("name", Value::from(id))])) }
    }

    fn needs_repair(&self, object: &Value) -> Option<&'static str> {
        (object.at("serial") == &Value::from(13)).then_some("serial")
    }

    fn permit<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async {
            self.server.lock().unwrap().permits += 1;
            Ok(Box::new(Held(self)) as Permit<'a>)
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        _: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move {
            let mut server = self.server.lock().unwrap();
            if server.dead_reads > 0 && !server.writes.is_empty() {
                server.dead_reads -= 1;
                return Err(Failure::refused("the server is gone"));
            }
            if server.hidden && matches!(freshness, Freshness::Shared) {
                return Ok(None);
            }
            Ok(server.objects.get(&name(object)).map(|object| Found { object: object.clone(), revision: None }))
        }
        .boxed()
    }

    fn after_own_writes(&self, prior: &Value) -> Value {
        let mut object = prior.clone();
        if let Some((attribute, value)) = self.server.lock().unwrap().own.clone() {
            object.insert(attribute, value);
        }
        object
    }

    fn make_way<'a>(&'a self, _: &'a Context, _: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async { self.wait() }.boxed()
    }

    /// What is called taken can't be created.
    fn look_ahead<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Value,
        successor: &'a Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            match name(successor).as_str() {
                "taken" => Err(Failure::refused("it is taken")),
                _ => Ok(()),
            }
        }
        .boxed()
    }

    /// What is called slow notes a wait of 12 s.
    fn wait_ready<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async {
            if object.at("comment").as_str() == Some("slow") {
                cx.waits().add("the server", std::time::Duration::from_secs(12));
            }
            self.wait()
        }
        .boxed()
    }

    fn wait_deleted<'a>(&'a self, _: &'a Context, _: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async { self.wait() }.boxed()
    }

    /// Version 0 called the name `id`; version 1 counted the size in tens.
    fn upgrade(&self, from: i64, mut state: Json) -> Result<Json, String> {
        if from == 0 {
            state["name"] = state["id"].clone();
        }
        if from <= 1 {
            let tens = state["tens"].as_i64().ok_or("tens is missing")?;
            state["size"] = json!(tens * 10);
        }
        Ok(state)
    }
}

/// The right to write, counted.
struct Held<'a>(&'a Things);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner).permits -= 1;
    }
}

impl WritePermit for Held<'_> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.0.request("create", |server| {
                if server.objects.contains_key(&name(planned)) && !server.always_exists {
                    return Err(Failure::new(Cause::Exists, "already defined"));
                }
                let mut object = planned.clone();
                object.insert("serial", Value::from(7));
                object.insert("writes", Value::from(1));
                object.insert("note", Value::Null);
                if let Some(token) = take_token(&mut object) {
                    server.tokens.insert(name(planned), token);
                }
                server.objects.insert(name(planned), object);
                Ok(())
            })
        }
        .boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.0.request("update", |server| {
                let mut object = to.clone();
                let mended = from.object.at("serial") == &Value::from(13);
                object.insert("serial", if mended { Value::from(7) } else { from.object.at("serial").clone() });
                let Value::Number(written) = from.object.at("writes") else { panic!("it is counted") };
                object.insert("writes", Value::from(written.as_i64().unwrap() + 1));
                match (take_token(&mut from.object.clone()), take_token(&mut object)) {
                    (_, Some(token)) => server.tokens.insert(name(to), token),
                    (Some(_), None) => server.tokens.remove(&name(to)),
                    (None, None) => None,
                };
                server.objects.insert(name(to), object);
                Ok(())
            })
        }
        .boxed()
    }

    fn give_up<'a>(&'a mut self, given_up: &'a GivenUp) -> BoxFuture<'a, Result<(), Failure>> {
        async move { self.0.request(&format!("{} gives it up", given_up.id), |_| Ok(())) }.boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.0.request("delete", |server| match server.objects.remove(&name(state)) {
                Some(_) => Ok(()),
                None => Err(Failure::new(Cause::Absent, "no such thing")),
            })
        }
        .boxed()
    }
}

/// Nothing.
#[derive(JsonSchema)]
struct Nothing {}

struct Block(Schema);

impl Configure for Block {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn validate(&self, _: &Value, _: &mut Diagnostics) {}

    fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
        async { Diagnostics::new() }.boxed()
    }
}
