//! The static scheduler's score: TOPSIS over the loads that a placement would cause.

/// What a node offers and what already lies on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// CPUs in use.
    pub cpu: f64,
    /// CPUs there are.
    pub max_cpu: f64,
    /// Bytes in use.
    pub mem: f64,
    /// Bytes there are.
    pub max_mem: f64,
}

/// Weights of average CPU, highest CPU, average memory, highest memory.
const WEIGHTS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// The score of every node as target of a service that needs `cpu` CPUs (0: all of the node) and `mem` bytes; the
/// highest is best.
pub fn scores(loads: &[Load], cpu: f64, mem: f64) -> Vec<f64> {
    let mut alternatives: Vec<[f64; 4]> = (0..loads.len()).map(|target| criteria(loads, target, cpu, mem)).collect();
    normalise(&mut alternatives);
    closeness(&alternatives)
}

/// The four criteria of one target over *all* online nodes. 1 is added so that tiny loads don't look like doublings.
fn criteria(loads: &[Load], target: usize, cpu: f64, mem: f64) -> [f64; 4] {
    let (mut squares_cpu, mut highest_cpu, mut squares_mem, mut highest_mem) = (0.0, 0.0_f64, 0.0, 0.0_f64);
    for (index, load) in loads.iter().enumerate() {
        let here = index == target;
        let added_cpu = if cpu == 0.0 { load.max_cpu } else { cpu };
        let cpu = (load.cpu + if here { added_cpu } else { 0.0 }) / load.max_cpu;
        let mem = (load.mem + if here { mem } else { 0.0 }) / load.max_mem;
        squares_cpu += cpu * cpu;
        squares_mem += mem * mem;
        highest_cpu = highest_cpu.max(cpu);
        highest_mem = highest_mem.max(mem);
    }
    let count = loads.len() as f64;
    [1.0 + (squares_cpu / count).sqrt(), 1.0 + highest_cpu, 1.0 + (squares_mem / count).sqrt(), 1.0 + highest_mem]
}

fn normalise(alternatives: &mut [[f64; 4]]) {
    for column in 0..4 {
        let norm = alternatives.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt();
        for row in alternatives.iter_mut() {
            row[column] /= norm;
        }
    }
}

/// All criteria are to be small: best is each column's minimum, worst its maximum.
fn closeness(alternatives: &[[f64; 4]]) -> Vec<f64> {
    let mut best = [f64::INFINITY; 4];
    let mut worst = [f64::NEG_INFINITY; 4];
    for row in alternatives {
        for column in 0..4 {
            best[column] = best[column].min(row[column]);
            worst[column] = worst[column].max(row[column]);
        }
    }
    let total: f64 = WEIGHTS.iter().sum();
    let distance = |row: &[f64; 4], to: &[f64; 4]| -> f64 {
        (0..4)
            .map(|column| {
                let difference = (row[column] - to[column]) * (WEIGHTS[column] / total);
                difference * difference
            })
            .sum::<f64>()
            .sqrt()
    };
    alternatives
        .iter()
        .map(|row| {
            let (to_best, to_worst) = (distance(row, &best), distance(row, &worst));
            if to_best + to_worst == 0.0 { 0.0 } else { to_worst / (to_best + to_worst) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(mem: f64) -> Load {
        Load { cpu: 0.0, max_cpu: 32.0, mem: 0.0, max_mem: mem }
    }

    #[test]
    fn the_roomier_node_wins() {
        let scores = scores(&[node(100e9), node(300e9)], 4.0, 16e9);
        assert!(scores[1] > scores[0]);
    }

    #[test]
    fn equal_nodes_score_zero() {
        assert_eq!(scores(&[node(100e9), node(100e9)], 4.0, 16e9), [0.0, 0.0]);
    }
}
