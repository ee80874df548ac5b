//! How many of something each of many has at the moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts by key, each up to the same bound. A key that holds none takes no memory.
#[derive(Debug)]
pub(crate) struct Counts<K: Ord> {
    held: Arc<Mutex<BTreeMap<K, usize>>>,
    each: usize,
}

/// One counted; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held<K: Ord + Copy> {
    held: Arc<Mutex<BTreeMap<K, usize>>>,
    key: K,
}

impl<K: Ord + Copy> Counts<K> {
    pub(crate) fn up_to(each: usize) -> Self {
        Self { held: Arc::default(), each }
    }

    /// One more, unless the key has its share already.
    pub(crate) fn take(&self, key: K) -> Option<Held<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or(0);
        if count >= self.each {
            return None;
        }
        held.insert(key, count.saturating_add(1));
        Some(Held { held: Arc::clone(&self.held), key })
    }
}

impl<K: Ord + Copy> Drop for Held<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_share_and_gives_it_back() {
        let counts = Counts::up_to(2);
        let (one, two) = (counts.take('a').unwrap(), counts.take('a').unwrap());
        assert!(counts.take('a').is_none());
        assert!(counts.take('b').is_some());
        drop(one);
        let three = counts.take('a').unwrap();
        assert!(counts.take('a').is_none());
        drop((two, three));
        assert!(counts.held.lock().unwrap().is_empty());
    }
}
