//! The phone tree (电话树): who calls whom when nothing but telephones works. Nobody calls more than two.

/// Whom a household calls, by place in its group: the duty worker calls the first, each then calls two at most.
pub(super) fn callees(caller: usize, len: usize) -> Vec<usize> {
    let first = caller.saturating_mul(2).saturating_add(1);
    [first, first.saturating_add(1)].into_iter().filter(|callee| *callee < len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everybody_but_the_first_is_called_once_and_nobody_calls_back(len in 0_usize..200) {
            let mut called: Vec<usize> = (0..len).flat_map(|caller| callees(caller, len)).collect();
            called.sort_unstable();
            prop_assert_eq!(called, (1..len).collect::<Vec<_>>());
            for caller in 0..len {
                prop_assert!(callees(caller, len).len() <= 2);
                prop_assert!(callees(caller, len).iter().all(|callee| caller < *callee));
            }
        }
    }
}
