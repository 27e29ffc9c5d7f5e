//! A provider that is as small as can be and yet has everything core asks of one. Its cluster is a folder: one JSON
//! file per object.

#![allow(clippy::unwrap_used, dead_code, reason = "tests may unwrap, and each test binary uses a part of this")]

pub mod ring;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use pve_schemas_macros::tf_block;
use ring::{Ring, RingBlock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use terraform_provider_pve::framework::{
    Configure, Context, DataSource, Diagnostics, Elements, Failure, Found, Freshness, MoveSource, Path as At, Permit,
    Provider, Resource, Role, Schema, Stop, Value, WritePermit,
};

/// A provider whose objects are in `folder`.
pub fn provider(folder: PathBuf) -> Provider {
    let resource = |name, crashes| -> Box<dyn Resource> {
        Box::new(Things { name, crashes, folder: folder.clone(), schema: Schema::of::<Thing>(Role::Resource) })
    };
    Provider::new(
        Box::new(Block { folder: folder.clone(), schema: Schema::of::<ProviderBlock>(Role::Provider) }),
        vec![resource("pve_thing", false), resource("pve_crashing", true)],
        vec![Box::new(Echo { folder: folder.clone(), schema: Schema::of::<EchoBlock>(Role::DataSource) })],
        vec![Box::new(Ring { folder, schema: Schema::of::<RingBlock>(Role::Action) })],
    )
}

/// A provider block.
#[tf_block]
#[derive(JsonSchema)]
struct ProviderBlock {
    /// A secret.
    #[tf(sensitive)]
    token: Option<String>,
}

/// A thing.
#[tf_block]
#[derive(JsonSchema, Serialize, Deserialize)]
struct Thing {
    /// The name; some names do odd things.
    #[tf(required, replace, identity)]
    name: String,
    /// How large.
    #[tf(default = 1)]
    size: Option<f64>,
    /// In no order.
    tags: Option<BTreeSet<String>>,
    /// Anything.
    labels: Option<BTreeMap<String, String>>,
    /// A secret.
    #[tf(sensitive)]
    secret: Option<String>,
    /// Given by the server.
    #[tf(computed)]
    serial: Option<String>,
    /// Rules.
    #[tf(block = "list")]
    rule: Vec<Rule>,
}

/// A rule.
#[tf_block]
#[derive(JsonSchema, Serialize, Deserialize)]
struct Rule {
    /// From where.
    #[tf(required)]
    source: String,
    /// Whether it counts.
    enabled: Option<bool>,
}

/// Reports the diagnostics that it is configured with.
#[tf_block]
#[derive(JsonSchema)]
struct EchoBlock {
    /// What to say.
    #[tf(required)]
    text: String,
    /// What is said.
    said: Option<Vec<Said>>,
}

/// One saying.
#[derive(JsonSchema)]
struct Said {
    /// The words.
    words: String,
}

struct Block {
    folder: PathBuf,
    schema: Schema,
}

impl Configure for Block {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        if config.at("token").as_str() == Some("wrong") {
            diagnostics.error_at(At::attribute("token"), "Wrong token", "It is the wrong one.");
        }
    }

    /// Leaves a trace of the process, for tests that look whether it has ended.
    fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async {
            fs::write(self.folder.join("pid"), std::process::id().to_string()).unwrap();
            Diagnostics::new()
        })
    }
}

struct Things {
    name: &'static str,
    crashes: bool,
    folder: PathBuf,
    schema: Schema,
}

impl Things {
    fn file(&self, object: &Value) -> PathBuf {
        file(&self.folder, object.at("name").as_str().unwrap())
    }

    fn store(&self, object: &Value) {
        let mut object = object.clone();
        object.insert("serial", Value::from("s-1"));
        object.insert("timeouts", Value::Null);
        fs::write(self.file(&object), object.to_json().to_string()).unwrap();
    }
}

/// Where the object `name` is stored.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// Writes files.
struct Writer<'a>(&'a Things);

impl WritePermit for Writer<'_> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async {
            self.0.store(planned);
            Ok(())
        })
    }

    fn update<'a>(&'a mut self, _: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async {
            self.0.store(to);
            Ok(())
        })
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async {
            fs::remove_file(self.0.file(state)).unwrap();
            Ok(())
        })
    }
}

impl Resource for Things {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        "thing"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn id(&self, object: &Value) -> Option<String> {
        object.at("name").as_str().map(str::to_owned)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        Ok(Value::object([("name", id)].map(|(name, id)| (name, Value::from(id)))))
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        match config.at("name").as_str() {
            Some("crash") => panic!("injected"),
            Some("bad") => diagnostics.error_at(At::attribute("name"), "Bad name", "Choose another."),
            _ => {}
        }
    }

    /// What happens before there is a future is outside the framework's own guard.
    fn permit<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        assert!(!self.crashes, "injected");
        Box::pin(async { Ok(Box::new(Writer(self)) as Permit<'a>) })
    }

    fn read<'a>(
        &'a self,
        _: &'a Context,
        object: &'a Value,
        _: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        Box::pin(async move {
            let Ok(text) = fs::read(self.file(object)) else { return Ok(None) };
            let json = serde_json::from_slice(&text).unwrap();
            let object = Value::from_json(&json, &self.schema.ty()).unwrap();
            Ok(Some(Found { object, revision: None }))
        })
    }

    fn is_listable(&self) -> bool {
        !self.crashes
    }

    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        Box::pin(async {
            let files = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
            files.sort();
            let mut things = Vec::new();
            for file in files {
                match serde_json::from_slice(&fs::read(&file).unwrap()) {
                    Ok(json) => things.push(Value::from_json(&json, &self.schema.ty()).unwrap()),
                    Err(_) => cx.warn("Left out", file.display().to_string()),
                }
            }
            Ok(things)
        })
    }

    fn moved(&self, source: &MoveSource) -> Option<Result<Value, String>> {
        let name = source.state["input"]["value"].as_str().map(|name| Value::object([("name", Value::from(name))]));
        (source.type_name == "terraform_data").then(|| name.ok_or_else(|| "it has no input".to_owned()))
    }
}

struct Echo {
    folder: PathBuf,
    schema: Schema,
}

impl DataSource for Echo {
    fn name(&self) -> &'static str {
        "pve_echo"
    }

    fn title(&self) -> &'static str {
        "echo"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        config: &'a Value,
        _: &'a mut dyn Elements,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async {
            if config.at("text").as_str() == Some("hang") {
                fs::write(self.folder.join("hanging"), "").unwrap();
                cx.stop.cancelled().await;
                return Err(Failure::refused("interrupted"));
            }
            let said = Value::object([("words", config.at("text").clone())]);
            let mut object = config.clone();
            object.insert("said", Value::List(vec![said]));
            Ok(object)
        })
    }
}

/// Waits for `condition`, at most two minutes.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
