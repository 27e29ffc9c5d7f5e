//! The QDevice in `corosync.conf`.

use super::CorosyncConf;

/// The section `quorum { device { … } }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// The QNetd host.
    pub host: Option<String>,
    /// `ffsplit` or `lms`.
    pub algorithm: Option<String>,
    /// Its votes; Proxmox writes none with `lms`.
    pub votes: Option<i64>,
}

impl Device {
    /// The device that `conf` has, if it has one.
    pub fn find(conf: &CorosyncConf) -> Option<Self> {
        const NET: &[&str] = &["quorum", "device", "net"];
        let device = &NET[..2];
        conf.has_section(device).then(|| Self {
            host: conf.value(NET, "host").map(str::to_owned),
            algorithm: conf.value(NET, "algorithm").map(str::to_owned),
            votes: conf.value(device, "votes").and_then(|votes| votes.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str =
        "logging {\n  debug: off\n}\n\nnodelist {\n  node {\n    name: pve1\n    quorum_votes: 1\n  }\n}\n\n";

    fn find(text: &str) -> Option<Device> {
        Device::find(&CorosyncConf::parse(text))
    }

    #[test]
    fn finds_the_device_and_nothing_else() {
        let device = "quorum {\n  device {\n    model: net\n    net {\n      algorithm: ffsplit\n      host: 10.99.0.100\n      \
                      tls: on\n    }\n    votes: 1\n  }\n  provider: corosync_votequorum\n}\n";
        let found = find(&format!("{NODES}{device}")).unwrap();
        assert_eq!((found.host.as_deref(), found.algorithm.as_deref()), (Some("10.99.0.100"), Some("ffsplit")));
        assert_eq!(found.votes, Some(1));
        let six = device.replace("10.99.0.100", "fd00::1").replace("    votes: 1\n", "");
        let found = find(&format!("{NODES}{six}")).unwrap();
        assert_eq!((found.host.as_deref(), found.votes), (Some("fd00::1"), None));
        assert_eq!(find(&format!("{NODES}quorum {{\n  provider: corosync_votequorum\n}}\n")), None);
        assert_eq!(find("device {\n host: x\n}\n# quorum { device {\n"), None);
        assert_eq!(find("}}}}\nquorum {\n device {\n"), Some(Device::default()));
    }
}
