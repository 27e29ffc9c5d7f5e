//! The provider block: its errors are reported once, with the next step; and the effect of each argument.

use std::sync::Arc;

use acceptance_tests::closed_port::ClosedPort;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

/// Two resources, so that an error of the provider could be reported twice.
const TWO: &str = "resource \"pve_ha_resource\" \"a\" {\n  count = 2\n  sid   = \"vm:90${count.index}\"\n}\n";

/// A plan of the two with the given provider block and without any environment.
fn plan(w: &Workspace, arguments: &[(&str, &str)]) -> acceptance_tests::output::Run {
    plan_of(w, arguments, TWO, &[])
}

/// The same of other resources, with more options of the CLI.
fn plan_of(
    w: &Workspace,
    arguments: &[(&str, &str)],
    resources: &str,
    options: &[&str],
) -> acceptance_tests::output::Run {
    let lines: String = arguments.iter().map(|(name, value)| format!("  {name} = {value:?}\n")).collect();
    w.configure(&format!("provider \"pve\" {{\n{lines}}}\n{resources}"));
    let mut command = w.command(&[&["plan", "-json"], options].concat());
    for name in ["ENDPOINT", "API_TOKEN", "CA_CERTIFICATE"] {
        command.env_remove(format!("PROXMOX_VE_{name}"));
    }
    acceptance_tests::output::Run::new(&command.output().unwrap())
}

#[test]
fn an_error_is_reported_once_with_the_next_step() {
    let name = "provider_block::an_error_is_reported_once_with_the_next_step";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let endpoint = cluster.variable("PROXMOX_VE_ENDPOINT");
    let token = cluster.variable("PROXMOX_VE_API_TOKEN");
    let ca = cluster.variable("PROXMOX_VE_CA_CERTIFICATE");
    let closed = ClosedPort::new();
    let unreachable = format!("https://{closed}");
    let http = endpoint.replace("https://", "http://");
    type Arguments<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Arguments<'_>, &[&str]); 8] = [
        ("no endpoint", &[("api_token", token)], &["Missing endpoint", "PROXMOX_VE_ENDPOINT"]),
        (
            "no login",
            &[("endpoint", endpoint), ("ca_certificate", ca)],
            &["Missing credentials", "PROXMOX_VE_API_TOKEN"],
        ),
        (
            "wrong token",
            &[
                ("endpoint", endpoint),
                ("ca_certificate", ca),
                ("api_token", "root@pam!terraform=12345678-1234-1234-1234-123456789012"),
            ],
            &["401"],
        ),
        (
            "malformed token",
            &[("endpoint", endpoint), ("ca_certificate", ca), ("api_token", "secret")],
            &["USER@REALM!TOKENID=SECRET"],
        ),
        (
            "no server",
            &[("endpoint", &unreachable), ("ca_certificate", ca), ("api_token", token)],
            &["can't be reached", "Nothing was sent"],
        ),
        ("unknown CA", &[("endpoint", endpoint), ("api_token", token)], &["certificate", "ca_certificate"]),
        ("http", &[("endpoint", &http), ("api_token", token)], &["https://"]),
        (
            "two logins",
            &[
                ("endpoint", endpoint),
                ("ca_certificate", ca),
                ("api_token", token),
                ("username", "root@pam"),
                ("password", "x"),
            ],
            &["api_token"],
        ),
    ];
    for (what, arguments, reported) in cases {
        let w = Workspace::new(&cluster);
        let run = plan(&w, arguments);
        let errors = run.errors();
        // Two ways to log in are an error on both attributes.
        assert_eq!(errors.len(), if what == "two logins" { 2 } else { 1 }, "{what}\n{}", run.text);
        for part in reported {
            assert!(errors[0].flat().contains(part), "{what}: {part:?} is missing in\n{}", run.text);
        }
        assert!(!run.text.contains(token.split('=').nth(1).unwrap()), "{what}: the secret is printed");
    }
}

#[test]
fn a_run_that_asks_the_cluster_for_nothing_does_without_it() {
    let name = "provider_block::a_run_that_asks_the_cluster_for_nothing_does_without_it";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let (endpoint, token) = (cluster.variable("PROXMOX_VE_ENDPOINT"), cluster.variable("PROXMOX_VE_API_TOKEN"));
    let ca = cluster.variable("PROXMOX_VE_CA_CERTIFICATE");
    let closed = ClosedPort::new();
    let down = format!("https://{closed}");
    let away = [("endpoint", down.as_str()), ("ca_certificate", ca), ("api_token", token)];
    let none = TWO.replace("count = 2", "count = 0");
    let w = Workspace::new(&cluster);
    let run = plan_of(&w, &away, &none, &[]);
    assert!(run.code == Some(0) && run.errors().is_empty(), "{}", run.text);
    // A data source asks for something.
    let run = plan_of(&w, &away, "data \"pve_version\" \"a\" {}\n", &[]);
    assert!(run.only_error().flat().contains("can't be reached"), "{}", run.text);
    // What is wrong with the provider block is wrong whatever is planned.
    let wrong = [("endpoint", endpoint), ("ca_certificate", ca), ("api_token", "root@pam!terraform=wrong")];
    assert!(plan_of(&w, &wrong, &none, &[]).only_error().flat().contains("401"));
    let untrusted = [("endpoint", endpoint), ("api_token", token)];
    assert!(plan_of(&w, &untrusted, &none, &[]).only_error().flat().contains("certificate"));

    // A refresh of two objects fails once, and a plan without a refresh has nothing to ask for.
    w.configure(TWO);
    w.apply();
    assert!(plan_of(&w, &away, TWO, &[]).only_error().flat().contains("can't be reached"));
    let run = plan_of(&w, &away, TWO, &["-refresh=false"]);
    assert!(run.code == Some(0) && run.errors().is_empty(), "{}", run.text);
    let run =
        plan_of(&w, &away, &TWO.replace("count.index}\"", "count.index}\"\n  comment = \"a\""), &["-refresh=false"]);
    assert!(run.only_error().flat().contains("can't be reached"), "{}", run.text);

    // An outage after the plan: no object is changed, and one says why in full.
    w.configure(&TWO.replace("90$", "91$"));
    w.expect(0, &["plan", "-out=plan"]);
    let mut command = w.command(&["apply", "-json", "plan"]);
    command.env("PROXMOX_VE_ENDPOINT", &down);
    let run = acceptance_tests::output::Run::new(&command.output().unwrap());
    let (errors, state) = (run.errors(), w.state());
    let in_full = errors.iter().filter(|error| error.flat().contains("can't be reached. Nothing was sent")).count();
    assert!(run.code == Some(1) && in_full == 1 && errors.len() <= 2 && state.len() == 2, "{}", run.text);
    w.destroy();
}

#[test]
fn what_is_explicit_beats_the_environment() {
    let Some(cluster) =
        Cluster::own("provider_block::what_is_explicit_beats_the_environment", Options::default()).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    let (endpoint, token) = (cluster.variable("PROXMOX_VE_ENDPOINT"), cluster.variable("PROXMOX_VE_API_TOKEN"));
    // With the API's path, too.
    w.configure(&format!(
        "provider \"pve\" {{\n  endpoint = \"{endpoint}/api2/json\"\n  api_token = {token:?}\n}}\n{TWO}"
    ));
    let mut command = w.command(&["plan", "-json"]);
    command.env("PROXMOX_VE_ENDPOINT", "https://127.0.0.1:1").env("PROXMOX_VE_API_TOKEN", "a@pam!b=c");
    let run = acceptance_tests::output::Run::new(&command.output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.text);
    // Telmate's variables are the last resort.
    w.configure(&format!("provider \"pve\" {{}}\n{TWO}"));
    let (id, secret) = token.split_once('=').unwrap();
    let mut command = w.command(&["plan", "-json"]);
    for name in ["ENDPOINT", "API_TOKEN"] {
        command.env_remove(format!("PROXMOX_VE_{name}"));
    }
    command
        .env("PM_API_URL", format!("{endpoint}/api2/json"))
        .env("PM_API_TOKEN_ID", id)
        .env("PM_API_TOKEN_SECRET", secret);
    let run = acceptance_tests::output::Run::new(&command.output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.text);
}

#[test]
fn a_user_with_a_password_can_do_it_too() {
    let Some(cluster) =
        Cluster::own("provider_block::a_user_with_a_password_can_do_it_too", Options::default()).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    let password = cluster.emulator().password().unwrap();
    let pin = cluster.emulator().fingerprint();
    w.configure(&format!(
        "provider \"pve\" {{\n  username = \"root@pam\"\n  password = {password:?}\n  tls_fingerprint = {pin:?}\n}}\n{TWO}"
    ));
    w.apply();
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn a_token_made_by_the_same_apply_is_waited_for() {
    let Some(cluster) =
        Cluster::own("provider_block::a_token_made_by_the_same_apply_is_waited_for", Options::default()).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    let token = cluster.variable("PROXMOX_VE_API_TOKEN");
    w.configure(&format!(
        "resource \"terraform_data\" \"token\" {{\n  input = {token:?}\n}}\n\
         provider \"pve\" {{\n  api_token = terraform_data.token.output\n}}\n{TWO}"
    ));
    w.apply();
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn the_next_endpoint_is_tried_if_one_does_not_answer() {
    let Some(cluster) =
        Cluster::own("provider_block::the_next_endpoint_is_tried_if_one_does_not_answer", Options::default())
            .map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    let closed = ClosedPort::new();
    let endpoint = cluster.variable("PROXMOX_VE_ENDPOINT");
    w.configure(&format!(
        "provider \"pve\" {{\n  endpoint = \"https://{closed}\"\n  fallback_endpoints = [{endpoint:?}]\n}}\n{TWO}"
    ));
    w.apply();
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn what_exists_is_refused_with_the_import_block_or_adopted() {
    let name = "provider_block::what_exists_is_refused_with_the_import_block_or_adopted";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let vms = cluster.guests(2, 0).vms;
    for (vm, restarts) in [(&vms[0], "1"), (&vms[1], "5")] {
        cluster.api.post(
            "/cluster/ha/resources",
            &[("sid", &format!("vm:{vm}")), ("state", "ignored"), ("max_restart", restarts)],
        );
    }
    let w = Workspace::new(&cluster);
    let with = |adopt: bool| {
        let resource = |name: &str, vm: &str| {
            format!("resource \"pve_ha_resource\" \"{name}\" {{\n  sid = \"vm:{vm}\"\n  state = \"ignored\"\n}}\n")
        };
        format!(
            "provider \"pve\" {{\n  adopt_existing = {adopt}\n}}\n{}{}",
            resource("same", &vms[0]),
            resource("other", &vms[1])
        )
    };
    w.configure(&with(false));
    let run = w.apply_fails();
    assert_eq!(run.errors().len(), 2, "{}", run.text);
    assert!(run.errors().iter().all(|error| error.detail.contains("import {")), "{}", run.text);
    assert!(w.state().is_empty());
    w.configure(&with(true));
    let run = w.apply_fails();
    let error = run.only_error();
    assert!(error.flat().contains("differs in max_restart"), "{}", run.text);
    assert!(run.warnings().iter().any(|warning| warning.summary == "Adopted an existing HA resource"), "{}", run.text);
    assert_eq!(w.state().len(), 1);
    w.destroy();
    cluster.api.delete(&format!("/cluster/ha/resources/vm:{}", vms[1]), &[]);
}
