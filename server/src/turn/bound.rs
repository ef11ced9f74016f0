//! How many of something there may be, in all and of one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::rooms::lock;

/// See the module.
#[derive(Debug)]
pub(super) struct Bound<K: Eq + Hash> {
    most: usize,
    most_of_one: usize,
    held: Arc<Mutex<Counts<K>>>,
}

#[derive(Debug)]
struct Counts<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// Which bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    All,
    One,
}

/// One of them; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<Counts<K>>>,
}

impl<K: Eq + Hash + Clone> Bound<K> {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        let counts = Counts {
            all: 0,
            of: HashMap::new(),
        };
        Self {
            most,
            most_of_one,
            held: Arc::new(Mutex::new(counts)),
        }
    }

    pub(super) fn take(&self, key: K) -> Result<Held<K>, Full> {
        let mut counts = lock(&self.held);
        if counts.all >= self.most {
            return Err(Full::All);
        }
        let of = counts.of.get(&key).copied().unwrap_or(0);
        if of >= self.most_of_one {
            return Err(Full::One);
        }
        counts.of.insert(key.clone(), of + 1);
        counts.all += 1;
        Ok(Held {
            key,
            held: Arc::clone(&self.held),
        })
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.held);
        counts.all -= 1;
        if let Some(of) = counts.of.get_mut(&self.key) {
            *of -= 1;
            if *of == 0 {
                counts.of.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_may_be_taken_again() {
        let bound = Bound::new(3, 2);
        let first = bound.take("a").expect("the first");
        let second = bound.take("a").expect("the second");
        assert_eq!(bound.take("a").err(), Some(Full::One));
        let third = bound.take("b").expect("another's");
        assert_eq!(bound.take("c").err(), Some(Full::All));
        drop(first);
        let again = bound.take("a").expect("one was given back");
        drop((second, third, again));
        assert!(lock(&bound.held).of.is_empty(), "nobody is kept");
    }
}
