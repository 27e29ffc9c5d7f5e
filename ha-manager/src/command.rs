//! The lines of `ha/crm_commands`.

use std::fmt;
use std::str::FromStr;

use super::config::Name;

/// A command queued for the manager, read once per round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Move a service live.
    Migrate(Name, Name),
    /// Stop a service, move it, start it.
    Relocate(Name, Name),
    /// Stop a service and request that it stays stopped; seconds.
    Stop(Name, u32),
    /// Request maintenance of a node.
    EnableMaintenance(Name),
    DisableMaintenance(Name),
    /// Switch HA off for the time being.
    Disarm(DisarmMode),
    /// Switch it on again.
    Arm,
}

/// What becomes of the services while HA is disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisarmMode {
    /// HA stops acting on the services; they keep running where they are.
    Freeze,
    /// They are treated as if HA did not manage them.
    Ignore,
}

impl DisarmMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Ignore => "ignore",
        }
    }
}

/// A line that is no command; Proxmox's manager logs and drops it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse command: {0}")]
pub struct UnknownCommand(String);

impl FromStr for Command {
    type Err = UnknownCommand;

    fn from_str(line: &str) -> Result<Self, UnknownCommand> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["migrate", sid, node] => Ok(Self::Migrate(sid.into(), node.into())),
            ["relocate", sid, node] => Ok(Self::Relocate(sid.into(), node.into())),
            ["stop", sid, timeout] => {
                timeout.parse().map(|timeout| Self::Stop(sid.into(), timeout)).map_err(|_| UnknownCommand(line.into()))
            }
            ["enable-node-maintenance", node] => Ok(Self::EnableMaintenance(node.into())),
            ["disable-node-maintenance", node] => Ok(Self::DisableMaintenance(node.into())),
            ["disarm-ha", "freeze"] => Ok(Self::Disarm(DisarmMode::Freeze)),
            ["disarm-ha", "ignore"] => Ok(Self::Disarm(DisarmMode::Ignore)),
            ["arm-ha"] => Ok(Self::Arm),
            _ => Err(UnknownCommand(line.into())),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migrate(sid, node) => write!(f, "migrate {sid} {node}"),
            Self::Relocate(sid, node) => write!(f, "relocate {sid} {node}"),
            Self::Stop(sid, timeout) => write!(f, "stop {sid} {timeout}"),
            Self::EnableMaintenance(node) => write!(f, "enable-node-maintenance {node}"),
            Self::DisableMaintenance(node) => write!(f, "disable-node-maintenance {node}"),
            Self::Disarm(mode) => write!(f, "disarm-ha {}", mode.as_str()),
            Self::Arm => write!(f, "arm-ha"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_the_round_trip() {
        for line in
            ["migrate vm:100 pve2", "stop ct:101 60", "enable-node-maintenance pve1", "disarm-ha freeze", "arm-ha"]
        {
            assert_eq!(line.parse::<Command>().unwrap().to_string(), line);
        }
        assert!("disarm-ha loudly".parse::<Command>().is_err());
    }
}
