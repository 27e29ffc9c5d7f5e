//! The shortest part of a list that still fails: delta debugging.

/// Leaves out of `items` whatever `fails` doesn't need: of what is left no single item can be left out.
pub fn shrink<T: Clone>(items: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = items.to_vec();
    let mut parts = 2;
    while left.len() >= 2 {
        let size = left.len().div_ceil(parts);
        let without = (0..left.len()).step_by(size).find_map(|start| {
            let rest = [&left[..start], &left[(start + size).min(left.len())..]].concat();
            fails(&rest).then_some(rest)
        });
        match without {
            Some(rest) => {
                left = rest;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(left.len()),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_left() {
        let items: Vec<u32> = (0..100).collect();
        for needed in [vec![0], vec![99], vec![17, 18], vec![3, 50, 97], (0..100).step_by(9).collect()] {
            let shrunk = shrink(&items, |part| needed.iter().all(|item| part.contains(item)));
            assert_eq!(shrunk, needed);
        }
    }

    #[test]
    fn an_order_that_is_needed_is_kept() {
        let fails = |part: &[u32]| {
            let first = part.iter().position(|item| *item == 30);
            first.is_some_and(|first| part[first..].contains(&70))
        };
        assert_eq!(shrink(&(0..100).collect::<Vec<u32>>(), fails), [30, 70]);
    }

    #[test]
    fn few_trials_suffice() {
        let mut trials = 0;
        let items: Vec<u32> = (0..200).collect();
        let shrunk = shrink(&items, |part| {
            trials += 1;
            part.contains(&120) && part.contains(&121)
        });
        assert_eq!(shrunk, [120, 121]);
        assert!(trials < 60, "{trials}");
    }
}
