//! The static scheduler's score: TOPSIS over the loads that a placement would cause.

/// What a node offers and what already lies on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// CPUs in use.
    pub cpu: f64,
    /// CPUs of the node.
    pub max_cpu: f64,
    /// Bytes in use.
    pub mem: f64,
    /// Bytes of memory of the node.
    pub max_mem: f64,
}

/// Weights of average CPU, highest CPU, average memory, highest memory.
const WEIGHTS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// All nodes' load of one kind, relative to what they offer, before the service is placed.
struct Column {
    loads: Vec<f64>,
    squares: Vec<f64>,
    /// The sum of the squares of the nodes before each, in their order: what follows a target has to be added anew, so
    /// that scores are rounded as in one sum over all nodes.
    sums: Vec<f64>,
    /// The node with the highest load, and the highest of the others.
    highest: (usize, f64),
    second: f64,
}

impl Column {
    fn new(loads: Vec<f64>) -> Self {
        let squares: Vec<f64> = loads.iter().map(|load| load * load).collect();
        let before = |sum: &mut f64, square: &f64| Some(std::mem::replace(sum, *sum + square));
        let sums = squares.iter().scan(0.0, before).collect();
        let (mut highest, mut second) = ((0, 0.0_f64), 0.0_f64);
        for (node, &load) in loads.iter().enumerate() {
            if load > highest.1 {
                (second, highest) = (highest.1, (node, load));
            } else {
                second = second.max(load);
            }
        }
        Self { loads, squares, sums, highest, second }
    }

    /// The average and the highest load if `target` had this one. 1 is added so that tiny loads don't look like doublings.
    fn criteria(&self, target: usize, load: f64) -> [f64; 2] {
        let squares =
            self.squares[target + 1..].iter().fold(self.sums[target] + load * load, |sum, square| sum + square);
        let others = if self.highest.0 == target { self.second } else { self.highest.1 };
        [1.0 + (squares / self.loads.len() as f64).sqrt(), 1.0 + load.max(others)]
    }
}

/// The score of every node as target of a service that needs `cpu` CPUs (0: all of the node) and `mem` bytes; the
/// highest is best.
pub fn scores(loads: &[Load], cpu: f64, mem: f64) -> Vec<f64> {
    let cpus = Column::new(loads.iter().map(|load| load.cpu / load.max_cpu).collect());
    let mems = Column::new(loads.iter().map(|load| load.mem / load.max_mem).collect());
    let alternative = |(target, load): (usize, &Load)| {
        let added = if cpu == 0.0 { load.max_cpu } else { cpu };
        let [average_cpu, highest_cpu] = cpus.criteria(target, (load.cpu + added) / load.max_cpu);
        let [average_mem, highest_mem] = mems.criteria(target, (load.mem + mem) / load.max_mem);
        [average_cpu, highest_cpu, average_mem, highest_mem]
    };
    let mut alternatives: Vec<[f64; 4]> = loads.iter().enumerate().map(alternative).collect();
    normalise(&mut alternatives);
    closeness(&alternatives)
}

/// The score of every table of loads, the highest of which is best. The tables are those of the same nodes, one for each
/// alternative.
pub fn rank(tables: &[&[Load]]) -> Vec<f64> {
    let criteria = |shares: Vec<f64>| {
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        [1.0 + (squares / shares.len() as f64).sqrt(), 1.0 + shares.into_iter().fold(0.0, f64::max)]
    };
    let alternative = |loads: &&[Load]| {
        let [average_cpu, highest_cpu] = criteria(loads.iter().map(|load| load.cpu / load.max_cpu).collect());
        let [average_mem, highest_mem] = criteria(loads.iter().map(|load| load.mem / load.max_mem).collect());
        [average_cpu, highest_cpu, average_mem, highest_mem]
    };
    let mut alternatives: Vec<[f64; 4]> = tables.iter().map(alternative).collect();
    normalise(&mut alternatives);
    closeness(&alternatives)
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

    /// Every target's criteria equal one sum over all nodes, to the last bit.
    #[test]
    fn shared_sums_change_no_bit() {
        let loads: Vec<f64> = (1..=40).map(|i| f64::from(i * 7919 % 41) / 13.7).collect();
        let column = Column::new(loads.clone());
        for target in 0..loads.len() {
            let with = |load: f64| -> Vec<f64> {
                loads.iter().enumerate().map(|(node, &other)| if node == target { load } else { other }).collect()
            };
            for load in [loads[target], loads[target] + 0.3, 9.9] {
                let squares: f64 = with(load).iter().fold(0.0, |sum, load| sum + load * load);
                let highest = with(load).into_iter().fold(0.0, f64::max);
                let expected = [1.0 + (squares / loads.len() as f64).sqrt(), 1.0 + highest];
                assert_eq!(column.criteria(target, load).map(f64::to_bits), expected.map(f64::to_bits));
            }
        }
    }

    #[test]
    fn equal_nodes_score_zero() {
        assert_eq!(scores(&[node(100e9), node(100e9)], 4.0, 16e9), [0.0, 0.0]);
    }
}
