use serde_json::Value as Json;

use super::*;
use crate::data::recorded::steps;

fn cfg(text: &str) -> FenceCfg {
    FenceCfg::parse(text.as_bytes())
}

fn text(cfg: &FenceCfg) -> String {
    String::from_utf8(cfg.text()).unwrap()
}

fn id(name: &str) -> DeviceId {
    DeviceId::read(name).unwrap()
}

fn section(agent: &str, arguments: &[&str], connects: &[(&str, &[&str])]) -> Section {
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Section {
        agent: agent.to_owned(),
        arguments: owned(arguments),
        connects: connects.iter().map(|(node, arguments)| ((*node).to_owned(), owned(arguments))).collect(),
    }
}

/// The sections that Proxmox parsed, with the order in which it writes them.
fn parsed(step: &Json) -> Vec<(DeviceId, Section)> {
    let words =
        |json: &Json| json.as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut devices: Vec<_> = step["parsed"].as_object().unwrap().iter().collect();
    devices.sort_by_key(|(_, device)| device["priority"].as_i64());
    let mut sections = Vec::new();
    for (name, device) in devices {
        for (number, sub) in device["sub_devs"].as_object().unwrap() {
            let nodes = sub["node_args"].as_object().into_iter().flatten();
            let mut connects: Vec<_> = nodes.map(|(node, arguments)| (node.clone(), words(arguments))).collect();
            connects.sort();
            let agent = sub["agent"].as_str().unwrap().to_owned();
            let section = Section { agent, arguments: words(&sub["args"]), connects };
            sections.push((DeviceId::new(name, number.parse().unwrap()), section));
        }
    }
    sections
}

#[test]
fn reads_what_proxmox_reads_and_writes_what_it_writes() {
    let mut seen = 0;
    for case in ["pve8-fence-cfg", "pve9-fence-cfg"] {
        for step in steps(case) {
            let (name, source) = (step["name"].as_str().unwrap(), step["text"].as_str().unwrap());
            let cfg = cfg(source);
            assert_eq!(text(&cfg), source, "{name}");
            if let Some(error) = step["error"].as_str() {
                let complaints: Vec<&str> = error.lines().skip(1).collect();
                assert_eq!(cfg.complaints(), complaints, "{name}");
                continue;
            }
            assert!(cfg.complaints().is_empty(), "{name}");
            let mut written = FenceCfg::parse(b"");
            for (id, expected) in parsed(&step) {
                let mut found = cfg.section(&id).unwrap().unwrap();
                found.connects.sort();
                assert!(found == expected, "{name}: {id}");
                written.put(&id, &expected).unwrap();
                seen += 1;
            }
            // Proxmox writes connections without quotes and could not read a blank in them again.
            let canonical = step["written"].as_str().unwrap().replace("p=x y", "'p=x y'");
            assert_eq!(text(&written), canonical, "{name}");
        }
    }
    assert_eq!(seen, 22, "the recordings have that many devices");
}

const SHARED: &str = "# by hand\n\ndevice apc  fence_apc ip=1 login=\"a b\"\n device ipmi fence_ipmilan ip=2 \nconnect apc node=pve1 \
                      plug=1\r\n# between\nconnect ipmi node=pve1 x=1\nconnect apc node=pve2 plug=2";

#[test]
fn an_update_touches_only_the_lines_that_differ() {
    let mut file = cfg(SHARED);
    let apc = section("fence_apc", &["login=a b", "ip=1"], &[("pve3", &["plug=3"]), ("pve1", &["plug=9"])]);
    file.put(&id("apc"), &apc).unwrap();
    let expected = SHARED
        .replace("connect apc node=pve1 plug=1\r", "connect apc:1 node=pve1 plug=9\r")
        .replace("connect apc node=pve2 plug=2", "")
        .replace("plug=9\r\n", "plug=9\r\nconnect apc:1 node=pve3 plug=3\n");
    assert_eq!(text(&file), expected);
    let found = file.section(&id("apc")).unwrap().unwrap();
    assert_eq!(found.connects.len(), 2);
}

#[test]
fn what_is_equal_is_not_written() {
    let mut file = cfg(SHARED);
    let section = file.section(&id("apc")).unwrap().unwrap();
    file.put(&id("apc"), &section).unwrap();
    assert_eq!(text(&file), SHARED);
}

#[test]
fn a_device_comes_and_goes_without_a_trace() {
    for before in ["", "# only a comment\n", "device a fence_a x=1\nconnect a node=n1 y=2\n", "\n\n"] {
        let mut file = cfg(before);
        let secret = section("fence_b", &["password=it\\s \"quoted\" $(x)"], &[("n1", &["plug=a b"])]);
        file.put(&id("b:2"), &secret).unwrap();
        assert!(file.section(&id("b:2")).unwrap().unwrap() == secret, "{before:?}");
        assert!(text(&file).starts_with(before));
        file.remove(&id("b:2"));
        assert_eq!(text(&file), before);
    }
}

#[test]
fn what_proxmox_would_skip_is_refused() {
    let before = "device a fence_a x=1\nconnect a node=n1 y=2\n";
    for bare in
        [section("fence_a", &[], &[("n1", &["y=2"])]), section("fence_a", &["x=1"], &[("n1", &["y=2"]), ("n2", &[])])]
    {
        let mut file = cfg(before);
        assert!(file.put(&id("a"), &bare).unwrap_err().starts_with("Proxmox skips"));
        assert_eq!(text(&file), before);
    }
}

#[test]
fn a_file_without_a_last_line_feed_gets_one() {
    let mut file = cfg("device a fence_a x=1");
    file.put(&id("b"), &section("fence_b", &["y"], &[("n1", &["z"])])).unwrap();
    assert_eq!(text(&file), "device a fence_a x=1\n\ndevice b:1 fence_b y\nconnect b:1 node=n1 z\n");
}

#[test]
fn names_are_read_as_far_as_proxmox_reads_them() {
    let file = cfg("device my-dev fence_x a=1\ndevice d:0 fence_x a=1\ndevice e:x fence_x a=1\n");
    assert_eq!(file.order(), ["my", "d", "e"]);
    assert!(file.section(&id("d:1")).unwrap().is_some());
    assert!(file.section(&id("my")).unwrap().is_some());
}

#[test]
fn contradictions_are_named() {
    let twice = cfg("device d fence_x a=1\ndevice d:1 fence_x a=2\n");
    assert_eq!(twice.section(&id("d")).err().unwrap(), "the device d:1 is declared twice");
    let node = cfg("device d fence_x a=1\nconnect d node=n p=1\nconnect d node=n p=2\n");
    assert_eq!(node.section(&id("d")).err().unwrap(), "the node n is connected to the device d:1 twice");
    let mut healed = node;
    healed.put(&id("d"), &section("fence_x", &["a=1"], &[("n", &["p=2"])])).unwrap();
    assert_eq!(text(&healed), "device d fence_x a=1\nconnect d:1 node=n p=2\n");
}

#[test]
fn order_is_that_of_first_declarations() {
    let source = "device a fence_a x=1\ndevice b fence_b x=1\ndevice a:2 fence_a x=2\ndevice c fence_c x=1\n";
    let mut file = cfg(source);
    assert_eq!(file.order(), ["a", "b", "c"]);
    assert_eq!((file.before("a"), file.before("c")), (None, Some("b")));
    assert!(file.is_after("c", "a") && !file.is_after("a", "c") && !file.is_after("a", "nosuch"));
    assert_eq!(file.move_after(&id("b"), "nosuch").unwrap_err(), "there is no fence device nosuch");
    file.move_after(&id("b"), "c").unwrap();
    assert_eq!(
        text(&file),
        "device a fence_a x=1\ndevice a:2 fence_a x=2\ndevice c fence_c x=1\n\ndevice b fence_b x=1\n"
    );
    let mut parallel = cfg(source);
    let problem = parallel.move_after(&id("a:2"), "c").unwrap_err();
    assert!(problem.starts_with("another device called a is declared before c"), "{problem}");
}

#[test]
fn connections_move_with_their_device_and_stay_behind_it() {
    let mut file = cfg("device a fence_a x=1\nconnect a node=n p=1\ndevice b fence_b x=1\nconnect b node=n p=2\n");
    file.move_after(&id("a"), "b").unwrap();
    assert_eq!(
        text(&file),
        "device b fence_b x=1\nconnect b node=n p=2\n\ndevice a fence_a x=1\nconnect a node=n p=1\n"
    );
    assert!(file.complaints().is_empty());
}

#[test]
fn nothing_makes_it_panic_or_lose_a_byte() {
    let mut seed: u64 = 20_261_123;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let pieces: [&[u8]; 20] = [
        b"device ",
        b"connect ",
        b"a",
        b"b:2",
        b" node=",
        b"n1",
        b" x=1",
        b"\n",
        b"\r\n",
        b"#",
        b"'",
        b"\"",
        b"\\",
        b" ",
        b"\t",
        b"\xff\xfe",
        b":",
        b"=",
        b"\xc3\xbc",
        b":99999999999999999999",
    ];
    for _ in 0..10_000 {
        let source: Vec<u8> = (0..next(40)).flat_map(|_| pieces[next(pieces.len())].to_vec()).collect();
        let mut file = FenceCfg::parse(&source);
        assert_eq!(file.text(), source);
        let _ = (file.complaints(), file.section(&id("a")), file.own_text(&id("b:2")));
        let section_x = section("fence_x", &["k=v w", "w"], &[("n1", &["p='"])]);
        file.put(&id("a"), &section_x).unwrap();
        let again = FenceCfg::parse(&file.text());
        assert!(again.section(&id("a")).unwrap().is_some_and(|found| found.agent == "fence_x"), "{source:?}");
        let _ = file.move_after(&id("a"), "b");
        file.remove(&id("a"));
        assert!(file.section(&id("a")).unwrap().is_none());
    }
}
