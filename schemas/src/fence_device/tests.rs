use std::collections::BTreeMap;

use super::options::is_called_like_a_secret;
use super::*;

fn device(text: &str) -> FenceDevice {
    serde_json::from_str(text).unwrap()
}

fn example() -> FenceDevice {
    device(
        r#"{"name": "ipmi", "instance": null, "agent": "fence_ipmilan", "options": {"ip": "10.0.0.1", "lanplus": ""},
            "secret_options": {"password": "a b"}, "secret_options_wo": null, "after": null, "verify": null,
            "connect": [{"node": "pve2", "options": {"plug": "2"}, "secret_options": null, "secret_options_wo": null},
                        {"node": "pve1", "options": null, "secret_options": {"key": "k"}, "secret_options_wo": null}]}"#,
    )
}

#[test]
fn becomes_lines_and_comes_back_in_the_words_of_the_state() {
    let ipmi = example();
    let section = ipmi.section();
    assert_eq!(section.arguments, ["ip=10.0.0.1", "lanplus", "password=a b"]);
    assert_eq!(section.connects[1], ("pve1".to_owned(), vec!["key=k".to_owned()]));
    let back = FenceDevice::from_section(&ipmi.device(), &section, None, &Known::from(&ipmi)).unwrap();
    assert_eq!(back, FenceDevice { instance: Some(1), ..ipmi });
}

#[test]
fn an_import_keeps_what_is_called_like_a_secret() {
    let section = example().section();
    let back = FenceDevice::from_section(&DeviceId::new("ipmi", 1), &section, None, &Known::default()).unwrap();
    assert_eq!(back.secret_options.iter().collect::<Vec<_>>(), [("password", "a b")]);
    assert_eq!(back.options.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["ip", "lanplus"]);
    assert_eq!(back.connect[0].node.as_str(), "pve1");
    assert_eq!(back.connect[0].options.iter().next(), Some(("key", "k")));
    for name in ["passwd", "password-script", "p", "snmp_priv_passwd", "ssh_private_key"] {
        assert!(is_called_like_a_secret(name), "{name}");
    }
    for name in ["ip", "plug", "passive", "login", "identity_file"] {
        assert!(!is_called_like_a_secret(name), "{name}");
    }
}

#[test]
fn what_the_user_keeps_open_stays_open() {
    let mut ipmi = example();
    ipmi.options.0.as_mut().unwrap().insert("passwd".into(), "x".into());
    let back = FenceDevice::from_section(&ipmi.device(), &ipmi.section(), None, &Known::from(&ipmi)).unwrap();
    assert_eq!(back.options, ipmi.options);
}

#[test]
fn empty_and_null_are_as_they_were() {
    let mut ipmi = example();
    ipmi.secret_options = SecretOptions(Some(BTreeMap::new()));
    let back = FenceDevice::from_section(&ipmi.device(), &ipmi.section(), None, &Known::from(&ipmi)).unwrap();
    assert_eq!(back.secret_options, ipmi.secret_options);
    assert_eq!(back.connect[0].secret_options, SecretOptions(None));
}

#[test]
fn an_option_given_twice_is_not_guessed_at() {
    let section =
        Section { agent: "fence_x".into(), arguments: vec!["a=1".into(), "a=2".into()], connects: Vec::new() };
    let problem = FenceDevice::from_section(&DeviceId::new("d", 1), &section, None, &Known::default());
    assert_eq!(problem.unwrap_err(), "the option \"a\" is given twice");
}

/// The example with write-only options, whose values only `section` has.
fn write_only() -> FenceDevice {
    let mut ipmi = example();
    ipmi.secret_options.0.as_mut().unwrap().insert("login".into(), "fence".into());
    ipmi.secret_options_wo_names = Some(BTreeSet::from(["login".into(), "password".into()]));
    ipmi.connect[1].secret_options_wo_names = Some(BTreeSet::from(["key".into()]));
    ipmi
}

#[test]
fn what_is_write_only_is_left_out_and_its_names_are_those_of_the_file() {
    let mut section = write_only().section();
    section.arguments.retain(|argument| !argument.starts_with("login"));
    let known = Known::from(&write_only());
    let back = FenceDevice::from_section(&example().device(), &section, None, &known).unwrap();
    assert_eq!((back.secret_options, back.secret_options_wo), (SecretOptions(None), SecretOptions(None)));
    assert_eq!(back.secret_options_wo_names, Some(BTreeSet::from(["password".into()])));
    assert_eq!(back.connect[1].secret_options, SecretOptions(None));
    assert_eq!(back.connect[1].secret_options_wo_names, Some(BTreeSet::from(["key".into()])));
    assert_eq!(back.options, example().options);
}

#[test]
fn the_file_gives_the_values_that_are_not_sent() {
    let section = write_only().section();
    let known = Known::from(&write_only());
    let mut device = FenceDevice::from_section(&example().device(), &section, None, &known).unwrap();
    device.connect.reverse();
    device.secret_options_wo = SecretOptions(Some(BTreeMap::from([("password".into(), "new".into())])));
    let complete = device.with_values_of(&section).unwrap().section();
    assert_eq!(complete.arguments, ["ip=10.0.0.1", "lanplus", "login=fence", "password=new"]);
    assert_eq!(complete.connects[0], ("pve1".to_owned(), vec!["key=k".to_owned()]));
    assert_eq!(complete.connects[1], ("pve2".to_owned(), vec!["plug=2".to_owned()]));

    let mut less = section.clone();
    less.connects.clear();
    assert_eq!(device.with_values_of(&less).unwrap_err(), "its connection to pve1 has no option \"key\"");
    less.arguments.clear();
    assert_eq!(device.with_values_of(&less).unwrap_err(), "it has no option \"login\"");
}
