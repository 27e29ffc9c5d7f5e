//! How unevenly the online nodes are loaded: the figure that the load balancer uses.

use super::topsis::Load;

/// A node's load: the mean of its shares of CPU and memory in use.
pub fn share(load: &Load) -> f64 {
    f64::midpoint(load.cpu / load.max_cpu, load.mem / load.max_mem)
}

/// 0 where all nodes are loaded alike, 1 where one of them has all the load.
///
/// It is the standard deviation of the nodes' loads relative to their mean, over the greatest value that it can have with so
/// many nodes.
pub fn imbalance(loads: &[Load]) -> f64 {
    let shares: Vec<f64> = loads.iter().map(share).collect();
    let count = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / count;
    if shares.len() < 2 || mean == 0.0 {
        return 0.0;
    }
    let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / count;
    variance.sqrt() / mean / (count - 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    fn of(nodes: &[(f64, f64, f64, f64)]) -> String {
        let loads: Vec<Load> = nodes
            .iter()
            .map(|&(cpu, max_cpu, mem, max_mem)| Load { cpu, max_cpu, mem: mem * GIB, max_mem: max_mem * GIB })
            .collect();
        format!("{:.9}", imbalance(&loads))
    }

    /// What Proxmox's scheduler makes of the same loads.
    #[test]
    fn two_three_and_five_nodes() {
        assert_eq!(of(&[(8.0, 16.0, 24.0, 64.0), (2.0, 16.0, 8.0, 64.0)]), "0.555555556");
        assert_eq!(of(&[(5.0, 16.0, 16.0, 64.0), (5.0, 16.0, 16.0, 64.0)]), "0.000000000");
        assert_eq!(of(&[(12.0, 24.0, 64.0, 128.0), (6.0, 24.0, 16.0, 128.0), (0.0, 24.0, 0.0, 128.0)]), "0.636363636");
        let five = [
            (16.0, 32.0, 128.0, 256.0),
            (8.0, 16.0, 32.0, 64.0),
            (4.0, 32.0, 64.0, 256.0),
            (2.0, 16.0, 8.0, 64.0),
            (0.0, 16.0, 4.0, 64.0),
        ];
        assert_eq!(of(&five), "0.363267427");
    }

    #[test]
    fn a_single_node_and_idle_nodes_are_balanced() {
        assert_eq!(imbalance(&[]), 0.0);
        assert_eq!(of(&[(8.0, 16.0, 24.0, 64.0)]), "0.000000000");
        assert_eq!(of(&[(0.0, 16.0, 0.0, 64.0), (0.0, 16.0, 0.0, 64.0)]), "0.000000000");
        assert_eq!(of(&[(8.0, 16.0, 32.0, 64.0), (0.0, 16.0, 0.0, 64.0), (0.0, 16.0, 0.0, 64.0)]), "1.000000000");
    }
}
