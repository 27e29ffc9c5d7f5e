//! How long Corosync takes to notice that a node is gone, and to agree on the nodes that are left.

/// Corosync's default of `token`, in milliseconds.
pub const DEFAULT_TOKEN: i64 = 3000;

/// Corosync's default of `token_coefficient`, in milliseconds.
pub const DEFAULT_COEFFICIENT: i64 = 650;

/// What Proxmox writes into the file of a new cluster since pve-cluster 9.1.0.
pub const PROXMOX_COEFFICIENT: i64 = 125;

/// After how many milliseconds without a token a node is declared lost: `token`, and `token_coefficient` for each node
/// after the second.
pub fn token_ms(token: Option<i64>, coefficient: Option<i64>, nodes: usize) -> i64 {
    let more = i64::try_from(nodes.saturating_sub(2)).unwrap_or(i64::MAX);
    let growth = coefficient.unwrap_or(DEFAULT_COEFFICIENT).saturating_mul(more);
    token.unwrap_or(DEFAULT_TOKEN).saturating_add(growth)
}

/// How many milliseconds pass until the remaining nodes have a new membership: the token timeout, and the consensus
/// timeout, which is 1.2 times as long.
pub fn formation_ms(token_ms: i64) -> i64 {
    token_ms.saturating_mul(11) / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_clusters_take_long_to_form_with_the_old_coefficient() {
        assert_eq!(token_ms(None, None, 1), 3000);
        assert_eq!(token_ms(None, None, 2), 3000);
        assert_eq!(token_ms(None, None, 9), 7550);
        assert_eq!(token_ms(None, Some(125), 9), 3875);
        assert_eq!(token_ms(Some(1000), Some(0), 40), 1000);
        // The changelog of pve-cluster: more than 50 s for more than 30 nodes, about.
        assert!(formation_ms(token_ms(None, None, 30)) < 50_000 && formation_ms(token_ms(None, None, 33)) > 50_000);
        assert!(formation_ms(token_ms(None, Some(125), 64)) < 25_000);
        assert!(formation_ms(token_ms(Some(i64::MAX), Some(i64::MAX), 64)) > 0);
    }
}
