//! Reading, editing and judging `corosync.conf`.

use std::collections::BTreeMap;

use super::*;

/// As Proxmox writes it, after `pvecm create` and one join.
const RECORDED: &str = "logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n  node {\n    name: pva\n    nodeid: 1\n    \
    quorum_votes: 1\n    ring0_addr: 10.99.0.11\n  }\n  node {\n    name: pvb\n    nodeid: 2\n    quorum_votes: 1\n    \
    ring0_addr: 10.99.0.12\n  }\n}\n\nquorum {\n  provider: corosync_votequorum\n}\n\ntotem {\n  cluster_name: newclu\n  \
    config_version: 2\n  interface {\n    linknumber: 0\n  }\n  ip_version: ipv4-6\n  link_mode: passive\n  secauth: on\n  \
    token_coefficient: 125\n  version: 2\n}\n\n";

/// As a person writes it: tabs, comments, blank lines, Windows line ends, an unknown option, no line feed at the end.
const BY_HAND: &str = "# keep me\r\ntotem {\r\n\tversion: 2\r\n\t# the version\r\n\tconfig_version: 9\r\n\tcluster_name:  x \
    \r\n\n\tmagic: a:b\n  interface {\n\tlinknumber: 0\n\tknet_link_priority: 7\n  }\n}\nnodelist {\n  node {\n    ring0_addr: \
    pve1.example\n    nodeid: 1\n  }\n}\n\n\n}stray {";

fn addresses(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(pairs.iter().map(|(node, address)| ((*node).to_owned(), (*address).to_owned())).collect())
}

fn link(number: i64, priority: Option<i64>, pairs: &[(&str, &str)]) -> Link {
    Link { number, priority, addresses: addresses(pairs).filter(|addresses| !addresses.is_empty()) }
}

const SECOND: &[(&str, &str)] = &[("pva", "10.98.0.11"), ("pvb", "10.98.0.12")];

/// `text` after `to` was written in the place of `from`.
fn written(text: &str, from: &CorosyncOptions, to: &CorosyncOptions) -> String {
    let mut conf = CorosyncConf::parse(text);
    to.write(from, &mut conf);
    conf.text()
}

#[test]
fn a_file_is_the_same_after_it_was_read() {
    for text in [RECORDED, BY_HAND, "", "\n", "}}}\n", "totem {\n", "a", "interface {\n linknumber: 9\n}"] {
        assert_eq!(CorosyncConf::parse(text).text(), text);
    }
}

#[test]
fn what_is_in_the_file_is_read() {
    let conf = CorosyncConf::parse(RECORDED);
    assert_eq!((conf.config_version(), conf.totem("cluster_name")), (Some(2), Some("newclu")));
    assert_eq!((conf.totem_number("token"), conf.totem_number("token_coefficient")), (None, Some(125)));
    assert_eq!(conf.interfaces(), [Interface { number: 0, priority: None }]);
    let nodes = conf.nodes();
    assert_eq!((nodes[1].name.as_str(), nodes[1].id, nodes[1].addresses[&0].as_str()), ("pvb", Some(2), "10.99.0.12"));
    assert!(conf.faults().is_empty(), "{:?}", conf.faults());

    let conf = CorosyncConf::parse(BY_HAND);
    assert_eq!(
        (conf.config_version(), conf.totem("cluster_name"), conf.totem("magic")),
        (Some(9), Some("x"), Some("a:b"))
    );
    assert_eq!(conf.interfaces(), [Interface { number: 0, priority: Some(7) }]);
    assert_eq!((conf.nodes()[0].name.as_str(), conf.links()), ("pve1.example", vec![0]));
}

#[test]
fn an_edit_leaves_every_other_byte_alone() {
    let none = CorosyncOptions::default();
    let to = CorosyncOptions { token: Some(5000), token_coefficient: Some(125), ..none.clone() };
    let text = written(RECORDED, &none, &to);
    assert_eq!(text, RECORDED.replace("  secauth: on\n", "  secauth: on\n  token: 5000\n"));
    // Back to the default: the line goes. What is as it is to be is not written again.
    assert_eq!(written(&text, &to, &CorosyncOptions { token: None, ..to.clone() }), RECORDED);
    assert_eq!(written(&text, &none, &none), text);
    assert_eq!(written(&text, &to, &none), RECORDED.replace("  token_coefficient: 125\n", ""));

    let to = CorosyncOptions { link: vec![link(0, Some(20), &[])], token: Some(1000), ..CorosyncOptions::default() };
    let text = written(BY_HAND, &none, &to);
    let expected = BY_HAND
        .replace("knet_link_priority: 7", "knet_link_priority: 20")
        .replace("\tmagic: a:b\n", "\tmagic: a:b\n\ttoken: 1000\n");
    assert_eq!(text, expected);
}

#[test]
fn a_second_link_comes_and_goes() {
    let none = CorosyncOptions::default();
    let to = CorosyncOptions { link: vec![link(0, Some(10), &[]), link(1, Some(5), SECOND)], ..none.clone() };
    let text = written(RECORDED, &none, &to);
    let expected = RECORDED
        .replace(
            "    linknumber: 0\n  }\n",
            "    knet_link_priority: 10\n    linknumber: 0\n  }\n  interface {\n    \
            knet_link_priority: 5\n    linknumber: 1\n  }\n",
        )
        .replace("ring0_addr: 10.99.0.11\n", "ring0_addr: 10.99.0.11\n    ring1_addr: 10.98.0.11\n")
        .replace("ring0_addr: 10.99.0.12\n", "ring0_addr: 10.99.0.12\n    ring1_addr: 10.98.0.12\n");
    assert_eq!(text, expected);
    let conf = CorosyncConf::parse(&text);
    assert!(conf.faults().is_empty(), "{:?}", conf.faults());
    assert_eq!(CorosyncOptions::read(&conf, &to.managed()), to);
    assert_eq!(CorosyncOptions::read(&CorosyncConf::parse(RECORDED), &to.managed()).link, [link(0, None, &[])]);
    let all = CorosyncOptions::read_all(&conf);
    assert_eq!((all.token_coefficient, all.link_mode.as_deref()), (Some(125), Some("passive")));
    assert_eq!(all.link, to.link);

    // Another spelling of an address, and a default that is written out, change nothing.
    let six = text.replace("10.98.0.11", "fd00::11");
    let spelt = [("pva", "fd00:0::11"), ("pvb", "10.98.0.12")];
    let same = CorosyncOptions { link: vec![link(1, Some(5), &spelt)], token: Some(3000), ..none.clone() };
    assert_eq!(written(&six, &none, &same), six);
    let read = CorosyncOptions::read(&CorosyncConf::parse(&six), &same.managed());
    assert_eq!(read.link, same.link);
    // Only the priority returns to its default where nothing else was managed.
    assert_eq!(written(&text, &to, &none), RECORDED);
    let moved = CorosyncOptions { link: vec![link(1, None, &[("pva", "10.97.0.1"), ("pvb", "10.98.0.12")])], ..none };
    let text = written(&text, &to, &moved);
    assert!(text.contains("ring1_addr: 10.97.0.1\n") && !text.contains("knet_link_priority"), "{text}");
}

#[test]
fn links_without_sections_get_none_unless_they_need_one() {
    let bare = RECORDED.replace("  interface {\n    linknumber: 0\n  }\n", "");
    let none = CorosyncOptions::default();
    let to = CorosyncOptions { link: vec![link(1, None, SECOND)], ..none.clone() };
    let text = written(&bare, &none, &to);
    assert!(!text.contains("interface") && CorosyncConf::parse(&text).faults().is_empty(), "{text}");
    let to = CorosyncOptions { link: vec![link(1, Some(3), SECOND)], ..none.clone() };
    let conf = CorosyncConf::parse(&written(&bare, &none, &to));
    assert!(conf.faults().is_empty(), "{:?}", conf.faults());
    let priorities: Vec<_> = conf.interfaces().iter().map(|interface| (interface.number, interface.priority)).collect();
    assert_eq!(priorities, [(0, None), (1, Some(3))]);
}

#[test]
fn the_version_grows_by_one() {
    let mut conf = CorosyncConf::parse(BY_HAND);
    conf.grow_version();
    assert_eq!(conf.text(), BY_HAND.replace("config_version: 9", "config_version: 10"));
    for text in
        [RECORDED.replace("config_version: 2", "config_version: x"), RECORDED.replace("  config_version: 2\n", "")]
    {
        let mut conf = CorosyncConf::parse(&text);
        conf.grow_version();
        assert_eq!(conf.text(), text);
        assert_eq!(conf.faults(), [Fault::NoVersion]);
    }
}

#[test]
fn broken_rules_are_named() {
    let faults =
        |text: &str| -> Vec<String> { CorosyncConf::parse(text).faults().iter().map(ToString::to_string).collect() };
    let second = "ring0_addr: 10.99.0.11\n    ring1_addr: 10.98.0.11\n";
    let one_sided = RECORDED.replace("ring0_addr: 10.99.0.11\n", second);
    assert_eq!(
        faults(&one_sided),
        ["pva has an address on link 1, which has no interface section", "pvb has no address on link 1"]
    );
    let twice = RECORDED.replace("10.99.0.12", "10.99.0.11");
    assert_eq!(faults(&twice), ["10.99.0.11 is the address of pva on link 0 and of pvb on link 0"]);
    assert_eq!(
        faults(&RECORDED.replace("version: 2\n}", "version: 2\n  transport: udpu\n}")),
        ["the transport is udpu, not knet"]
    );
    assert_eq!(faults(&RECORDED.replace("secauth: on", "secauth on")), ["line 33: neither a section nor an entry"]);
    assert_eq!(faults(&format!("{RECORDED}}}\n")), ["line 38: a closing brace without a section"]);
    assert_eq!(
        faults(&format!("{RECORDED}totem {{\n")),
        ["line 38: the section is not closed", "the section totem is there twice"]
    );
    assert_eq!(faults(""), ["totem has no config_version", "the nodelist has no node"]);
    assert_eq!(
        faults(&RECORDED.replace("ring0", "ringx").replace("interface {\n    linknumber: 0\n  }\n", "")),
        ["no node has an address"]
    );
}

#[test]
fn addresses_have_spellings() {
    assert!(is_same_address("fd00::1", "fd00:0:0:0:0:0:0:1"));
    assert!(!is_same_address("10.0.0.1", "10.0.0.2"));
    assert!(is_same_address("qnetd", "qnetd"));
}
