//! Bad input never reaches the cluster: each documented constraint is an error of the plan, on its attribute.

use std::sync::Arc;

use acceptance_tests::life::block;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

/// A resource type, the attributes of a good one, and what makes it bad.
struct Case {
    kind: &'static str,
    good: &'static [(&'static str, &'static str)],
    /// The bad attribute and its value; the source line that the error points to begins with the first word.
    bad: (&'static str, &'static str),
    /// What the error says.
    says: &'static str,
}

const GROUP: &[(&str, &str)] = &[("name", "\"web\""), ("nodes", "{ pve1 = 1 }")];
const RESOURCE: &[(&str, &str)] = &[("sid", "\"vm:900\"")];
const NODE_RULE: &[(&str, &str)] = &[("name", "\"web\""), ("resources", "[\"vm:900\"]"), ("nodes", "{ pve1 = 1 }")];
const RESOURCE_RULE: &[(&str, &str)] =
    &[("name", "\"web\""), ("resources", "[\"vm:900\", \"vm:901\"]"), ("affinity", "\"negative\"")];
const JOB: &[(&str, &str)] = &[("guest", "900"), ("target", "\"pve2\"")];
const OPTIONS: &[(&str, &str)] = &[];

const fn case(
    kind: &'static str,
    good: &'static [(&'static str, &'static str)],
    name: &'static str,
    value: &'static str,
    says: &'static str,
) -> Case {
    Case { kind, good, bad: (name, value), says }
}

const fn group(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_ha_group", GROUP, name, value, says)
}

const fn resource(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_ha_resource", RESOURCE, name, value, says)
}

const fn node_rule(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_ha_node_affinity_rule", NODE_RULE, name, value, says)
}

const fn resource_rule(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_ha_resource_affinity_rule", RESOURCE_RULE, name, value, says)
}

const fn job(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_replication_job", JOB, name, value, says)
}

const DEVICE: &[(&str, &str)] = &[
    ("name", "\"ipmi\""),
    ("agent", "\"fence_x\""),
    ("options", "{ ip = \"1\" }"),
    ("connect", "block {\n    node = \"pve1\"\n    options = { plug = \"1\" }\n  }"),
];
const COROSYNC: &[(&str, &str)] = &[("token_coefficient", "125")];
const MAINTENANCE: &[(&str, &str)] = &[("node", "\"pve1\"")];
const WATCHDOG: &[(&str, &str)] = &[("node", "\"pve1\""), ("module", "\"softdog\"")];
const CLUSTER: &[(&str, &str)] = &[("name", "\"prod\"")];
const MEMBER: &[(&str, &str)] = &[("node", "\"pve9\""), ("address", "\"10.0.0.9\"")];
const QDEVICE: &[(&str, &str)] = &[("address", "\"10.0.0.100\""), ("force", "true")];

const fn device(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_fence_device", DEVICE, name, value, says)
}

const fn options(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_datacenter_options", OPTIONS, name, value, says)
}

const MAIL: &[(&str, &str)] = &[("name", "\"mail\""), ("mailto", "[\"a@b.c\"]")];
const RELAY: &[(&str, &str)] = &[
    ("name", "\"relay\""),
    ("server", "\"mx\""),
    ("from_address", "\"a@b.c\""),
    ("username", "\"u\""),
    ("password", "\"p\""),
    ("mailto", "[\"a@b.c\"]"),
];
const PUSH: &[(&str, &str)] = &[("name", "\"push\""), ("server", "\"http://x\""), ("token", "\"t\"")];
const HOOK: &[(&str, &str)] = &[("name", "\"hook\""), ("url", "\"http://x\""), ("method", "\"get\"")];
const MATCHER: &[(&str, &str)] = &[("name", "\"alerts\""), ("targets", "[\"mail-to-root\"]")];

const fn mail(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_notification_sendmail", MAIL, name, value, says)
}

const fn relay(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_notification_smtp", RELAY, name, value, says)
}

const fn push(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_notification_gotify", PUSH, name, value, says)
}

const fn hook(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_notification_webhook", HOOK, name, value, says)
}

const fn matcher(name: &'static str, value: &'static str, says: &'static str) -> Case {
    case("pve_notification_matcher", MATCHER, name, value, says)
}

const NAME: &str = "must be at least two characters: a letter";
const NODE: &str = "must be a node name";
const SID: &str = "must be vm:ID or ct:ID";
const COMMENTS: [(&str, &str); 4] = [
    ("\"a\\nb\"", "must be a single line"),
    ("\" a\"", "must not begin or end with a blank"),
    ("\"0\"", "Proxmox loses a comment that is just 0"),
    ("format(\"%04097d\", 1)", "must be at most 4096 characters long"),
];

const REQUIRED: &str = "is required, and its value is null";
const LATIN: &str = "must consist of characters up to U+00FF";
const DECODED: &str = "can't contain %20";

const CASES: &[Case] = &[
    mail("name", "\"x\"", NAME),
    mail("mailto", "null", "At least one of them is needed"),
    mail("mailto", "[]", "needs at least 1 element"),
    mail("mailto", "[\"a b@c\"]", "must be a mail address such as"),
    mail("mailto", "[\"a@b,c@d\"]", "must be a mail address such as"),
    mail("mailto_user", "[\"root\"]", "must be a user with its realm"),
    mail("from_address", "\"a b\"", "must be a mail address such as"),
    mail("author", "\"\"", "must not be empty"),
    mail("author", "\"x \"", "must not begin or end with a blank"),
    mail("comment", "\"a\\nb\"", "must be a single line"),
    relay("port", "65536", "must be at most 65535"),
    relay("port", "0", "must be at least 1"),
    relay("mode", "\"ssl\"", "must be one of insecure, starttls, tls"),
    relay("server", "\"mx:25\"", "the port is an attribute of its own"),
    relay("mailto", "[\"root\"]", "must be a mail address with a domain"),
    relay("from_address", "\"root\"", "must be a mail address with a domain"),
    relay("password", "\"\"", "must not be empty"),
    relay("password_wo", "\"x\"", "Set password_wo_version = 1"),
    push("server", "\"no url at all\"", "must be a URL such as"),
    push("server", "\"http://x/\"", "must not end with a slash"),
    push("token", "\"t\\n\"", "must be a single line"),
    hook("url", "\"nourl\"", "must be a URL that begins with"),
    hook("url", "\"ftp://x/y\"", "must be a URL that begins with"),
    hook("url", "\"http://x/{{ title\"", "does not end with }}"),
    hook("method", "\"delete\"", "must be one of post, put, get"),
    hook("headers", "{ \"A B\" = \"x\" }", "without blanks, commas and ="),
    hook("headers", "{ A = \"\" }", "must not be empty"),
    hook("headers", "{ A = \"x\", a = \"y\" }", "for HTTP both are one header"),
    hook("secrets", "{ \"a=b\" = \"x\" }", "without blanks, commas and ="),
    hook("body", "\"{{ x\"", "does not end with }}"),
    matcher("name", "\"a b\"", NAME),
    matcher("targets", "[\"a b\"]", NAME),
    matcher("mode", "\"none\"", "must be one of all, any"),
    matcher("fields", "{ \"\" = [\"x\"] }", "must not be empty"),
    matcher("fields", "{ type = [\"a,b\"] }", "must not contain a comma"),
    matcher("fields", "{ type = [] }", "needs at least 1 element"),
    matcher("field_patterns", "{ type = [\"[\"] }", "is not a regular expression"),
    matcher("severities", "[\"ERROR\"]", "must be one of info, notice, warning, error, unknown"),
    matcher("calendar", "[\"mon-fri 9-17\"]", "mon..fri"),
    matcher("calendar", "[\"22:00-6:00\"]", "must not end before it starts"),
    group("name", "null", REQUIRED),
    group("nodes", "null", REQUIRED),
    group("comment", "\"a – b\"", LATIN),
    resource("sid", "null", REQUIRED),
    resource("comment", "\"a – b\"", LATIN),
    node_rule("name", "null", REQUIRED),
    node_rule("resources", "null", REQUIRED),
    node_rule("nodes", "null", REQUIRED),
    node_rule("comment", "\"a%20b\"", DECODED),
    resource_rule("resources", "null", REQUIRED),
    resource_rule("affinity", "null", REQUIRED),
    job("guest", "null", REQUIRED),
    job("target", "null", REQUIRED),
    job("comment", "\"a%20b\"", DECODED),
    device("name", "null", REQUIRED),
    device("agent", "null", REQUIRED),
    case("pve_node_maintenance", MAINTENANCE, "node", "null", REQUIRED),
    case("pve_node_watchdog", WATCHDOG, "module", "null", REQUIRED),
    case("pve_qdevice", QDEVICE, "address", "null", REQUIRED),
    case("pve_cluster", CLUSTER, "name", "null", REQUIRED),
    case("pve_cluster_member", MEMBER, "node", "null", REQUIRED),
    case("pve_cluster_member", MEMBER, "address", "null", REQUIRED),
    group("name", "\"w\"", NAME),
    group("name", "\"1a\"", NAME),
    group("nodes", "{}", "needs at least 1 entry"),
    group("nodes", "{ \"-a\" = 1 }", NODE),
    group("nodes", "{ pve1 = -1 }", "must be at least 0"),
    group("nodes", "{ pve1 = 1.5 }", "must be a whole number"),
    resource("sid", "\"900\"", SID),
    resource("sid", "\"vm:99\"", SID),
    resource("sid", "\"qemu:900\"", SID),
    resource("state", "\"running\"", "must be one of started, stopped"),
    resource("group", "\"w\"", NAME),
    resource("max_restart", "-1", "must be at least 0"),
    resource("max_restart", "1.5", "must be a whole number"),
    resource("max_relocate", "-1", "must be at least 0"),
    resource("timeouts", "block { create = \"soon\" }", "must be a duration"),
    resource("timeouts", "block { create = \"0s\" }", "greater than zero"),
    node_rule("name", "\"w\"", NAME),
    node_rule("resources", "[]", "needs at least 1 element"),
    node_rule("resources", "[\"900\"]", SID),
    node_rule("nodes", "{}", "needs at least 1 entry"),
    node_rule("nodes", "{ \"pve_1\" = 1 }", NODE),
    node_rule("nodes", "{ pve1 = -1 }", "must be at least 0"),
    node_rule("comment", "\"größer\"", "must be ASCII"),
    resource_rule("name", "\"w\"", NAME),
    resource_rule("resources", "[\"vm:900\"]", "needs at least 2 elements"),
    resource_rule("resources", "[\"vm:900\", \"x\"]", SID),
    resource_rule("affinity", "\"both\"", "must be one of positive, negative"),
    resource_rule("comment", "\"größer\"", "must be ASCII"),
    job("guest", "99", "must be at least 100"),
    job("guest", "1000000000", "must be at most 999999999"),
    job("job_number", "-1", "must be at least 0"),
    job("job_number", "1000000000", "must be at most 999999999"),
    job("target", "\"pve 2\"", NODE),
    job("schedule", "\"every day\"", "must be a calendar event"),
    job("schedule", "\"\"", "must not be empty"),
    job("schedule", "\"*/0\"", "must be a calendar event"),
    job("schedule", "\" 22:00\"", "must not begin or end with blanks"),
    job("rate", "0.5", "must be at least 1"),
    job("rate", "1e400", "must be in the range of a 64-bit float"),
    options("ha", "block { shutdown_policy = \"run\" }", "must be one of freeze, failover, conditional, migrate"),
    options("crs", "block { ha = \"best\" }", "must be one of basic, static, dynamic"),
    options("crs", "block {}", "crs: needs at least 1 attribute"),
    options("bwlimit", "block {}", "bwlimit: needs at least 1 attribute"),
    options("next_id", "block {}", "next_id: needs at least 1 attribute"),
    options("notify", "block {}", "notify: needs at least 1 attribute"),
    options("tag_style", "block { shape = null }", "tag_style: needs at least 1 attribute"),
    options("tag_style", "block { color_map = {} }", "needs at least 1 entry"),
    options("user_tag_access", "block {}", "user_tag_access: needs at least 1 attribute"),
    options("user_tag_access", "block { user_allow_list = [] }", "needs at least 1 element"),
    options("webauthn", "block {}", "webauthn: needs at least 1 attribute"),
    options("u2f", "block {}", "u2f: needs at least 1 attribute"),
    options("consent_text", "\"\"", "must not be empty"),
    options("consent_text", "\"a\\n\"", "base64encode("),
    options("registered_tags", "[]", "needs at least 1 element"),
    options("crs", "block { ha_auto_rebalance_margin = 10 }", "Missing ha_auto_rebalance"),
    options(
        "crs",
        "block {\n    ha_auto_rebalance = true\n    ha_auto_rebalance_threshold = 101\n  }",
        "must be at most 100",
    ),
    options(
        "crs",
        "block {\n    ha_auto_rebalance = true\n    ha_auto_rebalance_method = \"x\"\n  }",
        "must be one of bruteforce, topsis",
    ),
    options(
        "crs",
        "block {\n    ha_auto_rebalance = true\n    ha_auto_rebalance_hold_duration = -1\n  }",
        "must be at least 0",
    ),
    options("migration", "block { type = \"open\" }", "must be one of secure, insecure"),
    options(
        "migration",
        "block {\n    type = \"secure\"\n    network = \"10.0.0.0\"\n  }",
        "must be a network in CIDR notation",
    ),
    options("replication", "block { type = \"open\" }", "must be one of secure, insecure"),
    options("bwlimit", "block { clone = -1 }", "must be at least 0"),
    options("next_id", "block {\n    lower = 200\n    upper = 100\n  }", "Invalid range of ids"),
    options("notify", "block { package_updates = \"x\" }", "must be one of auto, always, never"),
    options("notify", "block { fencing = \"auto\" }", "must be one of always, never"),
    options("notify", "block { target_fencing = \"a\" }", NAME),
    options("tag_style", "block { shape = \"round\" }", "must be one of full, circle, dense, none"),
    options("tag_style", "block { ordering = \"x\" }", "must be one of config, alphabetical"),
    options("tag_style", "block { color_map = { web = \"red\" } }", "must be RRGGBB"),
    options("tag_style", "block { color_map = { \"-a\" = \"00ff00\" } }", "must be a tag"),
    options("user_tag_access", "block { user_allow = \"x\" }", "must be one of none, list, existing, free"),
    options("user_tag_access", "block { user_allow_list = [\"-a\"] }", "must be a tag"),
    options("webauthn", "block { rp = \"a,b\" }", "must be one line without commas"),
    options("u2f", "block { appid = \"a,b\" }", "must be one line without commas"),
    options("location", "block {\n    latitude = 91\n    longitude = 0\n  }", "must be at most 90"),
    options("location", "block {\n    latitude = 0\n    longitude = -181\n  }", "must be at least -180"),
    options("fencing", "\"none\"", "must be one of watchdog, hardware, both"),
    options("max_workers", "0", "must be at least 1"),
    options("console", "\"applet\"", "must be one of vv, html5, xtermjs"),
    options("consent_text", "\"a\\nb\"", "must be a single line"),
    options("email_from", "\"nobody\"", "must be a mail address"),
    options("http_proxy", "\"https://a\"", "must begin with http://"),
    options("keyboard", "\"xx\"", "must be one of de, de-ch"),
    options("language", "\"xx\"", "must be one of ar, ca"),
    options("mac_prefix", "\"BD:24:11\"", "unicast MAC address"),
    options("registered_tags", "[\"-a\"]", "must be a tag"),
    device("name", "\"my-dev\"", "Proxmox cuts the name of a fence device"),
    device("name", "\"\"", "must be letters, digits and _ only"),
    device("instance", "0", "must be at least 1"),
    device("agent", "\"fence_x; reboot\"", "must be the name of a fence agent"),
    device("options", "{ ip = \"a=b\" }", "can't contain ="),
    device("options", "{ ip = \"it's\" }", "can't contain '"),
    device("options", "{ ip = \"a\\nb\" }", "must be one line"),
    device("options", "{ \"a b\" = \"1\" }", "must be the name of an option"),
    device("options", "{}", "A device without options"),
    device("secret_options", "{ password = \"a=b\" }", "can't contain ="),
    device("secret_options", "{ ip = \"2\" }", "An option is set twice"),
    device("after", "\"my-dev\"", "Proxmox cuts the name of a fence device"),
    device("after", "\"ipmi\"", "A device can't be placed after itself"),
    device(
        "connect",
        "block {\n    node = \"pve-1\"\n    options = { plug = \"1\" }\n  }",
        "Proxmox cuts node names at a dash",
    ),
    device("connect", "block {\n    node = \"pve1\"\n    options = { plug = \"a=1\" }\n  }", "can't contain ="),
    device("connect", "block {\n    node = \"pve1\"\n    options = {}\n  }", "A connection without options"),
    device(
        "connect",
        "block {\n    node = \"pve1\"\n    options = { a = \"1\" }\n  }\n  connect {\n    node = \"pve1\"\n    options = { a = \
         \"2\" }\n  }",
        "A node is connected twice",
    ),
    case("pve_corosync_options", COROSYNC, "token", "999", "must be at least 1000"),
    case("pve_corosync_options", COROSYNC, "token_coefficient", "-1", "must be at least 0"),
    case("pve_corosync_options", COROSYNC, "link_mode", "\"both\"", "passive"),
    case("pve_corosync_options", COROSYNC, "link", "block {\n    number = 8\n  }", "must be at most 7"),
    case(
        "pve_corosync_options",
        COROSYNC,
        "link",
        "block {\n    number = 1\n    priority = 256\n  }",
        "must be at most 255",
    ),
    case("pve_node_maintenance", MAINTENANCE, "node", "\"pve.1\"", NODE),
    case("pve_node_watchdog", WATCHDOG, "node", "\"pve.1\"", NODE),
    case("pve_node_watchdog", WATCHDOG, "module", "\"soft dog\"", "must be the name of a kernel module"),
    case("pve_qdevice", QDEVICE, "address", "\"qnetd.example.com\"", "must be an IP address, not a host name"),
    case("pve_cluster", CLUSTER, "name", "\"a_b\"", "must have letters, digits and dashes"),
    case("pve_cluster", CLUSTER, "name", "\"1234567890123456\"", "at most 15 characters"),
    case("pve_cluster", CLUSTER, "votes", "0", "must be at least 1"),
    case("pve_cluster", CLUSTER, "node_id", "0", "must be at least 1"),
    case("pve_cluster", CLUSTER, "token_coefficient", "-1", "must be at least 0"),
    case("pve_cluster_member", MEMBER, "node", "\"pve.1\"", NODE),
    case("pve_cluster_member", MEMBER, "address", "\"https://10.0.0.2:8006\"", "must be an IP address or a host name"),
    case("pve_cluster_member", MEMBER, "votes", "-1", "must be at least 0"),
    case("pve_cluster_member", MEMBER, "node_id", "0", "must be at least 1"),
    case("pve_cluster_member", MEMBER, "fingerprint", "\"AB:CD\"", "must be 32 pairs of hex digits"),
    case("pve_cluster_member", MEMBER, "qdevice_handling", "\"keep\"", "must be one of refuse, cycle"),
];

#[test]
fn each_is_an_error_of_the_plan_on_its_attribute() {
    let name = "constraints::each_is_an_error_of_the_plan_on_its_attribute";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let comments = [
        "pve_ha_group",
        "pve_ha_resource",
        "pve_ha_node_affinity_rule",
        "pve_ha_resource_affinity_rule",
        "pve_replication_job",
    ];
    let comments = comments.iter().flat_map(|kind| {
        let good = CASES.iter().find(|case| case.kind == *kind).unwrap().good;
        COMMENTS.iter().map(move |(value, says)| case(kind, good, "comment", value, says))
    });
    let comments: Vec<Case> = comments.collect();
    let cases: Vec<&Case> = CASES.iter().chain(&comments).collect();
    let mut configuration = String::new();
    for (index, case) in cases.iter().enumerate() {
        let mut attributes: Vec<(&str, String)> =
            case.good.iter().filter(|(name, _)| *name != case.bad.0).map(|(n, v)| (*n, (*v).to_owned())).collect();
        attributes.push((case.bad.0, case.bad.1.to_owned()));
        configuration.push_str(&block(case.kind, &format!("c{index}"), &attributes));
    }
    let w = Workspace::new(&cluster);
    w.configure(&configuration);
    let run = w.plan_fails();
    let mut wrong = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let address = format!("{}.c{index}", case.kind);
        let of_case: Vec<_> = run.errors().into_iter().filter(|error| error.address == address).collect();
        let expected = if case.bad.1.contains("block ") { case.bad.1 } else { case.bad.0 };
        let good = of_case.len() == 1
            && of_case[0].flat().contains(case.says)
            && of_case[0].line.split([' ', '=']).any(|word| !word.is_empty() && expected.contains(word));
        if !good {
            wrong.push(format!(
                "{} {} = {}: expected {:?}, got {of_case:?}",
                case.kind, case.bad.0, case.bad.1, case.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(run.errors().len(), cases.len());
    let asked = cluster.emulator().counters().report();
    let writes = asked["requests"].as_object().unwrap().keys().filter(|call| !call.starts_with("GET ")).count();
    assert_eq!(writes, 0, "{asked}");
}

#[test]
fn conflicts_with_the_cluster_are_reported_before_any_write() {
    let name = "constraints::conflicts_with_the_cluster_are_reported_before_any_write";
    let Some(cluster) = Cluster::own(name, Options { release: Release::V9, ..Options::default() }).map(Arc::new) else {
        return;
    };
    let w = Workspace::new(&cluster);
    // What can't be mended by anything else is an error at plan.
    w.configure("resource \"pve_replication_job\" \"a\" {\n  guest = 900\n  target = \"nowhere\"\n}\n");
    assert_eq!(w.plan_fails().only_error().line, "target = \"nowhere\"");
    // What another provider may mend in the same apply is warned of; then the API's own words, on the attribute, with
    // nothing half done.
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:77777\"\n}\n");
    let run = w.apply_fails();
    assert!(run.warnings().iter().any(|warning| warning.flat().contains("there is no guest 77777")), "{}", run.text);
    assert!(run.only_error().flat().contains("there is no such guest"), "{}", run.text);
    assert!(w.state().is_empty());
}
