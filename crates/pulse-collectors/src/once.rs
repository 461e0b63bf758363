//! Lists in which each thing stands once, whatever a server sends: what is there twice would be counted twice, and two
//! entries with one id are one too many for everybody behind.

use std::{collections::HashSet, hash::Hash};

/// Keeps the first entry of each key.
pub(crate) fn each_once<T, K: Eq + Hash + ?Sized>(list: &mut Vec<T>, key: impl Fn(&T) -> &K) {
    let is_first: Vec<bool> = {
        let mut seen = HashSet::with_capacity(list.len());
        list.iter().map(|item| seen.insert(key(item))).collect()
    };
    if is_first.iter().all(|is_first| *is_first) {
        return;
    }
    let mut is_first = is_first.into_iter();
    list.retain(|_| is_first.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_stays_in_its_place() {
        let mut list = vec![("b", 1), ("a", 2), ("b", 3), ("c", 4), ("a", 5)];
        each_once(&mut list, |item| item.0);
        assert_eq!(list, [("b", 1), ("a", 2), ("c", 4)]);
    }
}
