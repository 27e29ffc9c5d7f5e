//! What the clusters of the acceptance tests don't have: secrets, lists of blocks, objects that can't be configured.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas_macros::tf_block;
use schemars::JsonSchema;

use super::blocks::{Written, write};
use crate::framework::{
    Configure, Context, Diagnostics, Failure, Found, Freshness, Listed, Permit, Provider, Resource, Role, Schema, Stop,
    Value,
};

/// A device.
#[tf_block]
#[derive(JsonSchema)]
struct Device {
    /// Its name.
    #[tf(required, replace, identity)]
    #[schemars(length(min = 2))]
    #[expect(dead_code, reason = "only its schema is used")]
    name: String,
    /// A secret.
    #[tf(sensitive)]
    #[expect(dead_code, reason = "only its schema is used")]
    secrets: Option<std::collections::BTreeMap<String, String>>,
    /// A note.
    #[schemars(length(max = 5))]
    #[expect(dead_code, reason = "only its schema is used")]
    note: Option<String>,
    /// What it is connected to.
    #[tf(block = "list")]
    #[expect(dead_code, reason = "only its schema is used")]
    connect: Vec<Connect>,
}

/// A connection.
#[tf_block]
#[derive(JsonSchema)]
struct Connect {
    /// To what.
    #[tf(required)]
    #[expect(dead_code, reason = "only its schema is used")]
    node: String,
    /// A secret.
    #[tf(sensitive)]
    #[expect(dead_code, reason = "only its schema is used")]
    password: Option<String>,
}

/// No argument.
#[derive(JsonSchema)]
struct NoArguments {}

struct Devices(Schema);

struct Nothing(Schema);

impl Configure for Nothing {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn validate(&self, _: &Value, _: &mut Diagnostics) {}

    fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
        async { Diagnostics::new() }.boxed()
    }
}

/// The operations are never called: configuration is written from the objects of a list.
impl Resource for Devices {
    fn name(&self) -> &'static str {
        "pve_device"
    }

    fn title(&self) -> &'static str {
        "device"
    }

    fn schema(&self) -> &Schema {
        &self.0
    }

    fn id(&self, object: &Value) -> Option<String> {
        object.at("name").as_str().map(str::to_owned)
    }

    fn import(&self, _: &str) -> Result<Value, String> {
        Err("never".to_owned())
    }

    fn permit<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        never()
    }

    fn read<'a>(&'a self, _: &'a Context, _: &'a Value, _: Freshness) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        never()
    }
}

fn never<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, Failure>> {
    async { Err(Failure::refused("never")) }.boxed()
}

fn written(devices: Vec<Value>) -> Written {
    let schema = Schema::of::<Device>(Role::Resource);
    let listed = devices.into_iter().map(|object| Listed {
        name: object.at("name").as_str().unwrap().to_owned(),
        identity: schema.identity_of(&object),
        object,
    });
    let cluster = [("pve_device", listed.collect())].into();
    let block = Nothing(Schema::of::<NoArguments>(Role::Provider));
    let provider = Provider::new(Box::new(block), vec![Box::new(Devices(schema.clone()))], vec![], vec![]);
    write(&provider, cluster)
}

fn device(name: &str, members: &[(&str, Value)]) -> Value {
    let mut device = Value::object([("name", Value::from(name)), ("connect", Value::List(vec![]))]);
    members.iter().for_each(|(name, value)| device.insert(*name, value.clone()));
    device
}

#[test]
fn a_secret_becomes_a_variable_at_any_depth() {
    let connect = |node: &str, password: Option<&str>| {
        Value::object([("node", Value::from(node)), ("password", password.map_or(Value::Null, Value::from))])
    };
    let secrets = Value::object([("login", Value::from("hunter2"))]);
    let empty = Value::object::<String>([]);
    let open = written(vec![device("open", &[("secrets", empty)])]);
    assert!(open.files["device.tf"].contains("  secrets = {}\n") && open.secrets == 0, "{:?}", open.files);
    let connects = vec![connect("a", Some("hunter3")), connect("b", None)];
    let written = written(vec![device("ipmi", &[("secrets", secrets), ("connect", Value::List(connects))])]);
    assert_eq!(
        written.files["device.tf"],
        "import {\n  to = pve_device.ipmi\n  id = \"ipmi\"\n}\n\nresource \"pve_device\" \"ipmi\" {\n  name    = \"ipmi\"\n  \
         secrets = var.device_ipmi_secrets\n\n  connect {\n    node     = \"a\"\n    password = \
         var.device_ipmi_connect_1_password\n  }\n\n  connect {\n    node = \"b\"\n  }\n}\n"
    );
    assert_eq!(
        written.files["variables.tf"],
        "variable \"device_ipmi_secrets\" {\n  description = \"secrets of pve_device.ipmi, with login\"\n  type        = map(string)\n  \
         sensitive   = true\n}\n\nvariable \"device_ipmi_connect_1_password\" {\n  description = \"connect.1.password of \
         pve_device.ipmi\"\n  type        = string\n  sensitive   = true\n}\n"
    );
    assert_eq!(written.secrets, 2);
    assert!(written.files.values().all(|text| !text.contains("hunter")));
}

#[test]
fn a_hostile_name_is_a_label_and_a_text() {
    let written = written(vec![device("a\"\n}${x}", &[]), device("a___${x}", &[]), device("10 fans", &[])]);
    let text = &written.files["device.tf"];
    let labels: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("resource \"pve_device\" \"")?.strip_suffix("\" {")).collect();
    assert_eq!(labels, ["a_____x_", "a_____x__2", "device_10_fans"]);
    assert!(text.contains("id = \"a\\\"\\n}$${x}\"\n"), "{text}");
}

#[test]
fn what_the_provider_refuses_is_left_alone_or_left_out() {
    let noted = device("noted", &[("note", Value::from("too long\na note"))]);
    let written = written(vec![device("x", &[]), noted]);
    let text = &written.files["device.tf"];
    assert!(!text.contains("pve_device.x") && written.counts == [("device".to_owned(), 1)], "{text}");
    assert!(text.contains("  lifecycle {\n    ignore_changes = [note]\n  }\n}\n"), "{text}");
    assert!(text.lines().all(|line| !line.contains("a note") || line.trim_start().starts_with('#')), "{text}");
    let warning = written.diagnostics.iter().next().unwrap();
    assert!(warning.summary == "Left out: device x" && warning.detail.contains("name"), "{}", warning.detail);
}
