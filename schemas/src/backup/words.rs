//! The words that parameters of a backup job take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::Malformed;

/// An enumeration of Proxmox's words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Proxmox's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    Malformed(format!("must be one of {}", words.join(", ")))
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl crate::rest::Wire for $name {
            fn write(&self, name: &'static str, params: &mut crate::rest::Params) {
                params.set(name, self);
            }

            fn read(name: &'static str, entry: &crate::value::Properties<'_>) -> Result<Option<Self>, String> {
                entry.parsed(name)
            }
        }
    };
}

words! {
    /// What a guest does while it is backed up.
    Mode {
        /// It runs on.
        Snapshot = "snapshot",
        /// It is suspended.
        Suspend = "suspend",
        /// It is shut down and started again.
        Stop = "stop",
    }
}

words! {
    /// How backups are compressed.
    Compression {
        /// Not at all.
        None = "0",
        /// The older word for `lzo`.
        Default = "1",
        /// With gzip.
        Gzip = "gzip",
        /// With lzo.
        Lzo = "lzo",
        /// With zstd.
        Zstd = "zstd",
    }
}

words! {
    /// How Proxmox reports the results of a backup.
    Notification {
        /// By mail if `mailto` is set, through the notification system if not.
        Auto = "auto",
        /// By mail to `mailto`.
        LegacySendmail = "legacy-sendmail",
        /// Through the notification system: matchers and targets.
        NotificationSystem = "notification-system",
    }
}

words! {
    /// Which results are mailed.
    Mailed {
        /// All.
        Always = "always",
        /// Failures.
        Failure = "failure",
    }
}

words! {
    /// How Proxmox Backup Server's client detects changed files of containers.
    PbsDetection {
        /// It reads all files, into one archive.
        Legacy = "legacy",
        /// It reads all files, into an archive of data and one of metadata.
        Data = "data",
        /// It reads the files whose metadata changed.
        Metadata = "metadata",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_proxmox_words() {
        assert_eq!("legacy-sendmail".parse(), Ok(Notification::LegacySendmail));
        assert_eq!(serde_json::to_value(Compression::None).unwrap(), "0");
        let refusal = "live".parse::<Mode>().unwrap_err();
        assert_eq!(refusal.0, "must be one of snapshot, suspend, stop");
        for word in PbsDetection::ALL {
            assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
        }
    }
}
