//! The QDevice in `corosync.conf`.

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
    /// The device that `text` has, if it has one.
    pub fn find(text: &str) -> Option<Self> {
        let mut path: Vec<&str> = Vec::new();
        let mut device: Option<Self> = None;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_suffix('{') {
                path.push(name.trim());
                if path == ["quorum", "device"] {
                    device.get_or_insert_default();
                }
            } else if line == "}" {
                path.pop();
            } else if let (Some(device), Some((key, value))) = (&mut device, line.split_once(':')) {
                let value = value.trim();
                match (path.as_slice(), key.trim()) {
                    (["quorum", "device"], "votes") => device.votes = value.parse().ok(),
                    (["quorum", "device", "net"], "host") => device.host = Some(value.to_owned()),
                    (["quorum", "device", "net"], "algorithm") => device.algorithm = Some(value.to_owned()),
                    _ => {}
                }
            }
        }
        device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str =
        "logging {\n  debug: off\n}\n\nnodelist {\n  node {\n    name: pve1\n    quorum_votes: 1\n  }\n}\n\n";

    #[test]
    fn finds_the_device_and_nothing_else() {
        let device = "quorum {\n  device {\n    model: net\n    net {\n      algorithm: ffsplit\n      host: 10.99.0.100\n      \
                      tls: on\n    }\n    votes: 1\n  }\n  provider: corosync_votequorum\n}\n";
        let found = Device::find(&format!("{NODES}{device}")).unwrap();
        assert_eq!((found.host.as_deref(), found.algorithm.as_deref()), (Some("10.99.0.100"), Some("ffsplit")));
        assert_eq!(found.votes, Some(1));
        let six = device.replace("10.99.0.100", "fd00::1").replace("    votes: 1\n", "");
        let found = Device::find(&six).unwrap();
        assert_eq!((found.host.as_deref(), found.votes), (Some("fd00::1"), None));
        assert_eq!(Device::find(&format!("{NODES}quorum {{\n  provider: corosync_votequorum\n}}\n")), None);
        assert_eq!(Device::find("device {\n host: x\n}\n# quorum { device {\n"), None);
        assert_eq!(Device::find("}}}}\nquorum {\n device {\n"), Some(Device::default()));
    }
}
