//! Hostile input: one function for each decoder, which must return whatever bytes it gets.
//!
//! The targets of `fuzz/` call them with what the fuzzer finds, and the suite calls them with damaged copies of the same corpora.

use pve_schemas::backup::{Fleecing, Performance, Retention};
use pve_schemas::corosync::{CorosyncConf, CorosyncOptions, Device};
use pve_schemas::fence_device::FenceCfg;
use pve_schemas::qdevice::Votes;
use pve_schemas::rest::Rest;
use pve_schemas::value::{BackupSchedule, Schedule};
use pve_schemas::{datacenter_options, fence_device};
use serde_json::{Value as Json, json};

pub use crate::client::hostile::answer;
pub use crate::import_config::hostile::configuration;
pub use crate::protocol::hostile::{attribute_path, dynamic_value, json_state};

/// One of them.
pub type Decoder = fn(&[u8]);

/// The names of all functions here, with themselves: the corpora are called like them.
pub const TARGETS: [(&str, Decoder); 10] = [
    ("answer", answer),
    ("attribute_path", attribute_path),
    ("calendar_event", calendar_event),
    ("configuration", configuration),
    ("corosync", corosync),
    ("dynamic_value", dynamic_value),
    ("entry", entry),
    ("fence_cfg", fence_cfg),
    ("json_state", json_state),
    ("property_string", property_string),
];

/// A row of one of Proxmox's lists, as each noun.
pub fn entry(data: &[u8]) {
    fn parse<N: Rest>(entry: &Json) {
        if let Ok(parsed) = N::parse(entry) {
            let _ = (parsed.noun.params(), parsed.noun.key());
        }
    }
    let Ok(entry) = serde_json::from_slice::<Json>(data) else { return };
    parse::<pve_schemas::BackupJob>(&entry);
    parse::<pve_schemas::HaGroup>(&entry);
    parse::<pve_schemas::HaNodeAffinityRule>(&entry);
    parse::<pve_schemas::HaResource>(&entry);
    parse::<pve_schemas::HaResourceAffinityRule>(&entry);
    parse::<pve_schemas::NotificationGotify>(&entry);
    parse::<pve_schemas::NotificationMatcher>(&entry);
    parse::<pve_schemas::NotificationSendmail>(&entry);
    parse::<pve_schemas::NotificationSmtp>(&entry);
    parse::<pve_schemas::NotificationWebhook>(&entry);
    parse::<pve_schemas::ReplicationJob>(&entry);
    let _ = datacenter_options::unknown(&entry);
}

/// The options of the datacenter and of a backup job whose values have a form of their own. What is understood is written again as
/// what means the same.
pub fn property_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let names =
        ["migration", "ha", "crs", "replication", "tag-style", "user-tag-access", "next-id", "notify", "bwlimit"];
    for name in names {
        let Ok(options) = datacenter_options::from_api(&json!({name: text})) else { continue };
        let params = datacenter_options::to_params(&options);
        let Some(written) = params.value(name) else { continue };
        let again = datacenter_options::from_api(&json!({name: written}));
        assert_eq!(again.as_ref(), Ok(&options), "{name}: {text:?} was written as {written:?}");
    }
    let answer = json!({"prune-backups": text, "fleecing": text, "performance": text});
    let _ = (Retention::from_api(&answer).to_text(), Performance::from_api(&answer).to_text());
    let _ = Fleecing::from_api(&answer).map(|fleecing| fleecing.to_text());
}

/// `/etc/pve/ha/fence.cfg`: what is not edited stays as it is, an edit that changes nothing leaves the file alone, and what is
/// written is read again as the same.
pub fn fence_cfg(data: &[u8]) {
    let file = FenceCfg::parse(data);
    assert_eq!(file.text(), data);
    let _ = file.order();
    let has_errors = !file.complaints().is_empty();
    for device in file.devices() {
        let Ok(Some(section)) = file.section(&device) else { continue };
        let mut same = file.clone();
        let is_writable = same.put(&device, &section).is_ok();
        assert!(has_errors || same.text() == data, "{device} is changed by an edit that changes nothing");

        let mut edited = file.clone();
        edited.remove(&device);
        assert!(edited.section(&device) == Ok(None), "{device} is left after it was removed");
        assert_eq!(edited.put(&device, &section).is_ok(), is_writable, "{device}");
        let again = FenceCfg::parse(&edited.text());
        let mut expected = is_writable.then(|| section.clone());
        expected.iter_mut().for_each(|section| section.connects.sort());
        assert!(again.section(&device) == Ok(expected), "{device} is not what was written");
        for other in file.devices().iter().filter(|other| **other != device) {
            assert!(again.section(other) == file.section(other), "{other} is changed by an edit of {device}");
        }
    }
    let _ = fence_device::status_input([("plug", "1")].into_iter());
}

/// What `corosync.conf`, `pvecm status`, `corosync-cfgtool` and `corosync-cmapctl` say.
pub fn corosync(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut conf = CorosyncConf::parse(&text);
    assert_eq!(conf.text(), text);
    let _ = (Device::find(&conf), conf.faults());
    let all = CorosyncOptions::read_all(&conf);
    let managed = all.managed();
    all.write(&CorosyncOptions::default(), &mut conf);
    assert_eq!(conf.text(), text, "what is as it should be is not written again");
    CorosyncOptions::default().write(&all, &mut conf);
    let _ = CorosyncOptions::read(&conf, &managed);
    conf.grow_version();
    if let Ok(votes) = Votes::parse(&text) {
        let _ = votes.qdevice();
    }
    crate::readiness::hostile::links(&text);
}

/// A calendar event; what is one is one in any case of letters.
pub fn calendar_event(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let is_event = pve_schemas::value::check(Schedule::FORMAT, text).is_ok();
    let is_backup_event = pve_schemas::value::check(BackupSchedule::FORMAT, text).is_ok();
    assert_eq!(is_event, is_backup_event, "{text:?}");
    let upper = text.to_ascii_uppercase();
    assert_eq!(is_event, pve_schemas::value::check(Schedule::FORMAT, &upper).is_ok(), "{text:?}");
    let _ = BackupSchedule::minutes_and_seconds(text);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    /// How many cases of each kind: 10,000 in the ordinary suite, a million by `cargo xtask promises --full`.
    pub(crate) fn cases() -> u32 {
        if std::env::var("PVE_PROMISES").is_ok_and(|asked| asked == "full") { 1_000_000 } else { 10_000 }
    }

    /// A small generator with a fixed seed: a failure is found again by running the test again.
    pub(crate) struct Random(pub(crate) u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, limit: usize) -> usize {
            (self.next() % limit as u64) as usize
        }

        pub(crate) fn bytes(&mut self, limit: usize) -> Vec<u8> {
            (0..self.below(limit)).map(|_| self.next() as u8).collect()
        }

        /// `valid` with a few bytes changed, removed or added.
        pub(crate) fn damaged(&mut self, valid: &[u8]) -> Vec<u8> {
            let mut bytes = valid.to_vec();
            for _ in 0..=self.below(4) {
                let at = self.below(bytes.len());
                match self.below(3) {
                    0 => bytes[at] = self.next() as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, self.next() as u8),
                }
            }
            bytes
        }
    }

    const SEED: u64 = 0x5eed_0002;

    /// Every input that is committed: seeds, and what once made a decoder fail.
    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let inputs: Vec<_> =
            paths.into_iter().map(|path| fs::read(path).unwrap()).filter(|it| !it.is_empty()).collect();
        assert!(inputs.len() >= 2, "{} needs seeds", folder.display());
        inputs
    }

    #[test]
    fn damaged_corpora_make_no_decoder_panic() {
        for (name, target) in TARGETS {
            let (corpus, mut random) = (corpus(name), Random(SEED));
            corpus.iter().for_each(|input| target(input));
            for case in 0..cases() {
                let seed = &corpus[random.below(corpus.len())];
                let input = if case % 8 == 0 { random.bytes(200) } else { random.damaged(seed) };
                let outcome = std::panic::catch_unwind(|| target(&input));
                assert!(outcome.is_ok(), "{name}, seed {SEED:#x}, case {case}: {:?}", String::from_utf8_lossy(&input));
            }
        }
    }

    #[test]
    fn each_decoder_has_a_fuzz_target() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
        for (name, _) in TARGETS {
            let source = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
            assert!(source.contains(&format!("fuzz::{name}(")), "{name}");
        }
    }
}
