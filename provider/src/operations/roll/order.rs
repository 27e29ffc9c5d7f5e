//! Which node when: the order that needs the fewest moves of HA resources, the master last.
//!
//! A guest without HA moves twice, whenever its node is emptied. An HA resource that returns does so, too; one that stays where it
//! was moved to moves again with that node, so that nodes from which such ones leave are better late than early.

use super::proof::Model;

/// How many nodes are tried in every order; for more of them the node with the fewest moves is next.
const TRY_ALL: usize = 5;

/// The order of `nodes`.
pub(super) fn order(model: &Model, mut nodes: Vec<String>) -> Vec<String> {
    nodes.sort();
    let master = model.live.manager["master_node"].as_str().map(str::to_owned);
    let last = nodes.iter().position(|node| Some(node) == master.as_ref()).map(|at| nodes.remove(at));
    let mut ordered = if nodes.len() <= TRY_ALL { best_of_all(model, &nodes) } else { greedy(model, nodes) };
    ordered.extend(last);
    ordered
}

/// The best of all orders; of equal ones the first by name.
fn best_of_all(model: &Model, nodes: &[String]) -> Vec<String> {
    let mut best: Option<(usize, Vec<String>)> = None;
    for candidate in permutations(nodes) {
        let mut model = model.clone();
        let moves: usize = candidate.iter().map(|node| model.visit(node)).sum();
        if best.as_ref().is_none_or(|(fewest, _)| moves < *fewest) {
            best = Some((moves, candidate));
        }
    }
    best.map(|(_, order)| order).unwrap_or_default()
}

fn permutations(nodes: &[String]) -> Vec<Vec<String>> {
    if nodes.len() <= 1 {
        return vec![nodes.to_vec()];
    }
    let mut all = Vec::new();
    for (at, first) in nodes.iter().enumerate() {
        let mut rest = nodes.to_vec();
        rest.remove(at);
        all.extend(permutations(&rest).into_iter().map(|rest| std::iter::once(first.clone()).chain(rest).collect()));
    }
    all
}

fn greedy(model: &Model, mut left: Vec<String>) -> Vec<String> {
    let mut model = model.clone();
    let mut order = Vec::new();
    while !left.is_empty() {
        let cost = |node: &String| model.clone().visit(node);
        let next = left.iter().enumerate().min_by_key(|(at, node)| (cost(node), *at)).map_or(0, |(at, _)| at);
        let node = left.remove(next);
        model.visit(&node);
        order.push(node);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::super::super::simulation::testing::Cluster;
    use super::*;

    fn names(nodes: &[&str]) -> Vec<String> {
        nodes.iter().map(|node| (*node).to_owned()).collect()
    }

    #[test]
    fn the_master_is_last() {
        let mut live = Cluster::of(3).live();
        live.manager["master_node"] = "pve1".into();
        assert_eq!(order(&Model::new(live), names(&["pve1", "pve2", "pve3"])), ["pve2", "pve3", "pve1"]);
    }

    #[test]
    fn a_node_whose_resources_do_not_return_is_late() {
        let mut cluster = Cluster::of(3);
        for vmid in 100..104 {
            cluster.service(vmid, 1);
        }
        let mut live = cluster.live();
        for resource in live.config.resources.values_mut() {
            resource.failback = Some(false);
        }
        let model = Model::new(live);
        let order = order(&model, names(&["pve1", "pve2", "pve3"]));
        assert_eq!(order.last().unwrap(), "pve1", "{order:?}");
        let moves = |order: &[&str]| {
            let mut model = model.clone();
            order.iter().map(|node| model.visit(node)).sum::<usize>()
        };
        assert!(moves(&["pve2", "pve3", "pve1"]) < moves(&["pve1", "pve2", "pve3"]));
    }

    #[test]
    fn all_orders_are_tried_once() {
        assert_eq!(permutations(&names(&["a", "b", "c"])).len(), 6);
        assert_eq!(permutations(&[]).len(), 1);
    }
}
