//! The real CLI against a cluster: each resource through its life, each promise put to the proof.

mod ha_resource;
