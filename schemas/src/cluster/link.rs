//! `link`: a network of corosync.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tf_block;

/// A link of the node that the cluster is made of.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The IP address of the node in the network of this link.
    #[tf(required)]
    #[schemars(extend("format" = "ip"))]
    pub address: String,
    /// The priority of the link. Proxmox documents that a **lower** value is preferred, the opposite of the priorities of
    /// HA. Proxmox writes the value unchanged, and corosync.conf(5) documents the reverse for `knet_link_priority`.
    #[tf(optional)]
    #[schemars(range(min = 0, max = 255))]
    pub priority: Option<i64>,
}

impl Link {
    /// The link as Proxmox writes it: `10.0.0.1,priority=10`.
    pub fn property_string(&self) -> String {
        match self.priority {
            Some(priority) => format!("{},priority={priority}", self.address),
            None => self.address.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_and_perhaps_a_priority() {
        let link = |priority| Link { address: "10.0.0.1".to_owned(), priority }.property_string();
        assert_eq!(link(None), "10.0.0.1");
        assert_eq!(link(Some(0)), "10.0.0.1,priority=0");
    }
}
