//! `pve_cluster` and `pve_cluster_member`: a cluster is made of nodes that are each on their own.

mod drift;
mod interrupted;
mod lives;
mod refused;
mod stage;
