//! A stream that is divided into layers under one SSRC (SVC), as its dependency descriptors tell: what each packet is to whom.

use crate::packet::MAX_LAYERS;
use crate::rtp::descriptor::{self, Indication, Refs, Structure};

/// The layers the engine offers of a divided stream, best first: decode targets that are worth choosing between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    count: u8,
    targets: [u8; MAX_LAYERS],
    /// The highest spatial layer of each: its last packet ends the picture.
    pub(crate) spatial: [u8; MAX_LAYERS],
    /// Lines of each; 0 is unknown.
    pub(crate) heights: [u16; MAX_LAYERS],
}

impl Steps {
    /// Each spatial layer at its full rate, then the lowest at fewer frames. `None` when there is nothing to choose, or when its layers
    /// do not begin with one frame in common, so that they cannot follow each other.
    fn of(structure: &Structure) -> Option<Self> {
        let key = structure.targets().next()?.templates & structure.keys();
        let mut targets: Vec<_> = structure
            .targets()
            .filter(|target| target.templates & key != 0)
            .collect();
        targets.sort_by_key(|target| std::cmp::Reverse((target.spatial, target.temporal)));
        let mut steps = Self::default();
        for (at, target) in targets.iter().enumerate() {
            let full = at == 0 || targets[at - 1].spatial != target.spatial;
            let same = at > 0 && targets[at - 1].templates == target.templates;
            let step = usize::from(steps.count);
            if (full || target.spatial == 0) && !same && step < MAX_LAYERS {
                steps.targets[step] = u8::try_from(target.number).ok()?;
                steps.spatial[step] = target.spatial;
                steps.heights[step] = structure.height(target.spatial);
                steps.count += 1;
            }
        }
        (steps.count > 1).then_some(steps)
    }

    /// The layers of which `holds` says so: bit n is layer n.
    fn mask(&self, holds: impl Fn(usize) -> bool) -> u8 {
        (0..usize::from(self.count)).fold(0, |all, step| all | u8::from(holds(step)) << step)
    }
}

/// What a packet is in a divided stream. Masks are by the layers of [`Steps`]: bit n is layer n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The last packet of its frame.
    pub(crate) end: bool,
    /// Of a frame all layers begin with.
    pub(crate) key: bool,
    /// Number of its frame, over wraps.
    pub(crate) frame: u64,
    /// The frames it needs, back from its own.
    pub(crate) refs: Refs,
    /// Layers it is of.
    pub(crate) present: u8,
    /// Layers that can be changed to with it.
    pub(crate) switch: u8,
    /// Layers in which nothing needs it.
    pub(crate) discardable: u8,
    /// Layers whose pictures end with its frame.
    pub(crate) top: u8,
    /// The layers there are.
    pub(crate) steps: Steps,
    /// Where its descriptor lies in the packet, and how long it is.
    pub(crate) at: u16,
    /// Bytes of the descriptor.
    pub(crate) len: u8,
}

/// Reads the descriptors of one stream that comes in.
#[derive(Debug)]
pub(crate) struct Reader {
    structure: Structure,
    steps: Option<Steps>,
    newest: u64,
}

impl Reader {
    /// Reads a packet's descriptor, which lies at `at`. `None` when it says nothing, or its stream is not divided.
    pub(crate) fn read(reader: &mut Option<Box<Self>>, bytes: &[u8], at: u16) -> Option<Part> {
        let brings = bytes.get(3).is_some_and(|flags| flags & 0x80 != 0);
        if !brings && reader.as_ref().is_none_or(|known| known.steps.is_none()) {
            return None;
        }
        let known = reader.as_ref().map(|known| &known.structure);
        let (frame, brought) = descriptor::read(bytes, known)?;
        if let Some(structure) = brought {
            let newest = reader.as_ref().map(|known| known.newest);
            let steps = Steps::of(&structure);
            *reader = Some(Box::new(Self {
                structure,
                steps,
                // Room below for frames that come late.
                newest: newest.unwrap_or_else(|| u64::from(frame.number) + (1 << 16)),
            }));
        }
        let known = reader.as_mut()?;
        let steps = known.steps?;
        let number = crate::srtp::extend(known.newest, frame.number);
        known.newest = known.newest.max(number);
        let is = |indication: Indication| {
            steps.mask(|step| frame.indications.of(u32::from(steps.targets[step])) == indication)
        };
        let all = steps.mask(|_| true);
        Some(Part {
            end: frame.end,
            key: frame.refs.is_empty() && frame.spatial == 0 && frame.temporal == 0,
            frame: number,
            refs: frame.refs,
            present: all & !is(Indication::NotPresent),
            switch: is(Indication::Switch),
            discardable: is(Indication::Discardable),
            top: steps.mask(|step| steps.spatial[step] == frame.spatial),
            steps,
            at,
            len: u8::try_from(bytes.len()).ok()?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rtp::descriptor::tests::{frame, structure, write};

    pub(crate) const SIZES: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

    /// Three spatial layers that need each other only in keyframes, of one frame rate.
    pub(crate) fn l3t1_key() -> Structure {
        structure(
            &[
                (0, 0, "SSS", &[]),
                (0, 0, "S--", &[3]),
                (1, 0, "-SS", &[1]),
                (1, 0, "-S-", &[3]),
                (2, 0, "--S", &[1]),
                (2, 0, "--S", &[3]),
            ],
            &SIZES,
        )
    }

    /// Three frame rates.
    pub(crate) fn l1t3() -> Structure {
        structure(
            &[
                (0, 0, "SSS", &[]),
                (0, 0, "SSS", &[4]),
                (0, 1, "-DS", &[2]),
                (0, 2, "--D", &[1]),
                (0, 2, "--D", &[1]),
            ],
            &SIZES[..1],
        )
    }

    #[test]
    fn the_layers_of_a_stream_are_offered_best_first() {
        let spatial = Steps::of(&l3t1_key()).unwrap();
        assert_eq!(
            (spatial.count, spatial.targets, spatial.heights),
            (3, [2, 1, 0], [720, 360, 180])
        );
        let temporal = Steps::of(&l1t3()).unwrap();
        assert_eq!(
            (temporal.count, temporal.targets, temporal.heights),
            (3, [2, 1, 0], [180; 3])
        );
        let single = structure(&[(0, 0, "S", &[]), (0, 0, "S", &[1])], &SIZES[..1]);
        assert_eq!(Steps::of(&single), None);
        // Two streams that have nothing in common under one SSRC.
        let simulcast = structure(&[(0, 0, "S-", &[]), (1, 0, "-S", &[])], &SIZES[..2]);
        assert_eq!(Steps::of(&simulcast), None);
    }

    #[test]
    fn a_packet_says_what_it_is_to_each_layer() {
        let known = l3t1_key();
        let mut reader = None;
        let delta = write(&known, &frame(&known, 3, 7), 3, false);
        assert_eq!(Reader::read(&mut reader, &delta, 20), None, "before a structure");
        let key = write(&known, &frame(&known, 0, 0xffff), 0, true);
        let first = Reader::read(&mut reader, &key, 20).unwrap();
        assert!(first.key && first.end);
        assert_eq!((first.present, first.switch, first.top), (0b111, 0b111, 0b100));
        assert_eq!(usize::from(first.len), key.len());
        let middle = write(&known, &frame(&known, 2, 0), 2, false);
        let next = Reader::read(&mut reader, &middle, 20).unwrap();
        assert_eq!((next.frame, next.key), (first.frame + 1, false));
        assert_eq!((next.present, next.switch, next.top), (0b011, 0b011, 0b010));
    }
}
