//! The kept inputs, and some changes of each, break nothing.

use fuzz::{Changes, TARGETS, corpus};

/// Changed inputs for each target: enough to find what is on the surface, quick enough for each run.
const INPUTS: usize = 4_000;

#[test]
fn the_corpus_and_its_neighbourhood_break_nothing() {
    for target in &TARGETS {
        let kept = corpus(target).expect("there is a corpus");
        assert!(kept.len() >= 3, "{} has inputs to begin with", target.name);
        for (_, bytes) in &kept {
            (target.run)(bytes);
        }
        let inputs: Vec<&[u8]> = kept.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let mut changes = Changes::new(4, target.longest);
        for _ in 0..INPUTS {
            (target.run)(&changes.next(&inputs));
        }
    }
}
