//! The rules, without a cluster.

use super::*;

const TEXT: &str = "nodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    ring0_addr: 10.0.0.1\n  }\n  node {\n    name: \
                    pve2\n    nodeid: 2\n    ring0_addr: 10.0.0.2\n  }\n}\ntotem {\n  cluster_name: c\n  config_version: \
                    4\n  interface {\n    linknumber: 0\n  }\n  link_mode: passive\n  token: 5000\n}\n";

fn link(number: i64, priority: Option<i64>, pairs: &[(&str, &str)]) -> Link {
    let addresses: BTreeMap<String, String> =
        pairs.iter().map(|(node, address)| ((*node).to_owned(), (*address).to_owned())).collect();
    Link { number, priority, addresses: (!addresses.is_empty()).then_some(addresses) }
}

fn links(link: Vec<Link>) -> CorosyncOptions {
    CorosyncOptions { link, ..CorosyncOptions::default() }
}

const SECOND: &[(&str, &str)] = &[("pve1", "10.1.0.1"), ("pve2", "10.1.0.2")];

/// What a change of `text` breaks: the path and the text of each rule.
fn broken(text: &str, before: &CorosyncOptions, after: &CorosyncOptions) -> Vec<(String, String)> {
    broken_beside(&Moves::default(), text, before, after)
}

/// The same beside changes of the membership.
fn broken_beside(
    moves: &Moves,
    text: &str,
    before: &CorosyncOptions,
    after: &CorosyncOptions,
) -> Vec<(String, String)> {
    let now = CorosyncConf::parse(text);
    let mut next = now.clone();
    after.write(before, &mut next);
    let found = rules(&now, &next, after, moves).into_iter();
    found.map(|problem| (problem.path.map(|path| path.to_string()).unwrap_or_default(), problem.detail)).collect()
}

fn only(found: &[(String, String)], path: &str, says: &str) {
    assert!(found.len() == 1 && found[0].0 == path && found[0].1.contains(says), "{found:?}");
}

#[test]
fn every_node_has_an_address_on_each_link() {
    let none = CorosyncOptions::default();
    assert!(broken(TEXT, &none, &links(vec![link(0, Some(5), &[]), link(1, None, SECOND)])).is_empty());
    let found = broken(TEXT, &none, &links(vec![link(1, None, &SECOND[..1])]));
    only(&found, "link[0].addresses", "pve2 has no address on link 1. Every node needs an address");
    let more = [SECOND, &[("pve9", "10.1.0.9")]].concat();
    let found = broken(TEXT, &none, &links(vec![link(1, None, &more)]));
    only(&found, r#"link[0].addresses["pve9"]"#, "pve9 is not a node of the cluster. Its nodes are pve1, pve2.");
    let found = broken(TEXT, &none, &links(vec![link(2, Some(7), &[])]));
    only(&found, "link[0].addresses", "The cluster has no link 2.");
    let found = broken(TEXT, &none, &links(vec![link(1, None, &[("pve1", "10.1.0.1"), ("pve2", "10.0.0.1")])]));
    only(&found, "link[0].addresses", "10.0.0.1 is the address of pve1 on link 0 and of pve2 on link 1. Each address");
    let found = broken(&TEXT.replace("token: 5000", "token 5000"), &none, &none);
    only(&found, "", "line 20: neither a section nor an entry. Correct the file by hand");
}

#[test]
fn a_node_that_joins_or_leaves_by_the_same_plan_is_no_obstacle() {
    let none = CorosyncOptions::default();
    let joining = Moves { joining: vec!["pve9".to_owned()], leaving: Vec::new() };
    let more = links(vec![link(1, None, &[SECOND, &[("pve9", "10.1.0.9")]].concat())]);
    assert!(broken_beside(&joining, TEXT, &none, &more).is_empty());
    assert_eq!(joining.warning(&CorosyncConf::parse(TEXT)), None);
    // Of both links the address of a node that leaves.
    let both = links(vec![link(0, None, &[("pve1", "10.0.0.1"), ("pve2", "10.0.0.2")]), link(1, None, SECOND)]);
    let mut two = CorosyncConf::parse(TEXT);
    both.write(&none, &mut two);
    let fewer = links(vec![link(0, None, &[("pve1", "10.0.0.1")]), link(1, None, &SECOND[..1])]);
    let leaving = Moves { joining: Vec::new(), leaving: vec!["pve2".to_owned()] };
    assert!(broken_beside(&leaving, &two.text(), &both, &fewer).is_empty());
    assert!(!broken(&two.text(), &both, &fewer).is_empty());
    let mut next = two.clone();
    fewer.write(&both, &mut next);
    assert!(leaving.warning(&next).unwrap().starts_with("pve2 is offline, and has no address"));
    assert_eq!(leaving.warning(&two), None);
}

#[test]
fn the_nodes_never_lose_their_last_common_link() {
    let none = CorosyncOptions::default();
    let moved = links(vec![link(0, None, SECOND)]);
    only(&broken(TEXT, &none, &moved), "link[0].addresses", "lose each other");
    let first = links(vec![link(0, None, &[("pve1", "10.0.0.1"), ("pve2", "10.0.0.2")])]);
    let found = broken(TEXT, &first, &none);
    only(&found, "", "no node has an address");
    // One link at a time.
    let both = links(vec![link(1, None, SECOND)]);
    let mut two = CorosyncConf::parse(TEXT);
    both.write(&none, &mut two);
    assert!(broken(&two.text(), &both, &none).is_empty());
    let third = &[("pve1", "10.2.0.1"), ("pve2", "10.2.0.2")];
    assert!(broken(&two.text(), &both, &links(vec![link(1, None, third)])).is_empty());
    let all = links(vec![link(0, None, &[("pve1", "10.3.0.1"), ("pve2", "10.3.0.2")]), link(1, None, third)]);
    only(&broken(&two.text(), &both, &all), "link[0].addresses", "lose each other");
}

#[test]
fn what_the_configuration_alone_shows_is_refused_at_once() {
    let addresses = |pairs: &[(&str, &str)]| {
        Value::object(pairs.iter().map(|(node, text)| ((*node).to_owned(), Value::from(*text))))
    };
    let block = |number: i64, pairs: &[(&str, &str)]| {
        Value::object([("number", Value::from(number)), ("priority", Value::Null), ("addresses", addresses(pairs))])
    };
    let paths = |blocks: Vec<Value>| -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        validate(&Value::object([("link", Value::List(blocks))]), &mut diagnostics);
        diagnostics.iter().filter_map(|d| d.path.as_ref()).map(ToString::to_string).collect()
    };
    assert!(paths(vec![block(0, &[]), block(1, SECOND)]).is_empty());
    assert_eq!(paths(vec![block(1, &[]), block(1, &[])]), ["link[1].number"]);
    let six = [("pve1", "fd00::1"), ("pve2", "fd00:0::1")];
    assert_eq!(paths(vec![block(1, &six)]), [r#"link[0].addresses["pve2"]"#]);
    let unknown = Value::object([("number", Value::Unknown), ("addresses", Value::Unknown)]);
    assert!(paths(vec![unknown.clone(), unknown]).is_empty());
}

#[test]
fn options_that_are_set_already_are_shown() {
    let none = CorosyncOptions::default();
    let conf = CorosyncConf::parse(&TEXT.replace("linknumber: 0", "linknumber: 0\n    knet_link_priority: 3"));
    let after = CorosyncOptions {
        token: Some(6000),
        token_coefficient: Some(125),
        link_mode: Some("rr".to_owned()),
        ..links(vec![link(0, Some(4), &[("pve1", "10.0.0.1"), ("pve2", "10.9.0.2")])])
    };
    let paths = |before: &CorosyncOptions| -> Vec<String> {
        set_already(&conf, before, &after).into_iter().map(|(_, path, _)| path.to_string()).collect()
    };
    assert_eq!(paths(&none), ["token", "link_mode", "link[0].priority", r#"link[0].addresses["pve2"]"#]);
    assert!(paths(&after).is_empty());
    let (_, _, detail) = set_already(&conf, &none, &after).remove(0);
    assert!(
        detail.starts_with("Option token: it is 5000 in corosync.conf, and not in the state. Apply sets it to 6000.")
    );
}

#[test]
fn timeouts_that_meet_the_watchdog_are_warned_of() {
    let with = |token: &str| slow(&CorosyncConf::parse(&TEXT.replace("token: 5000", token)));
    assert_eq!(with("token: 20000"), None);
    assert!(with("token: 30000").unwrap().contains("noticed after 30 s, and a new membership forms within 66 s"));
}
