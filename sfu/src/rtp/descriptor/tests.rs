use proptest::prelude::*;

use super::*;

/// Writes bits, for tests.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    at: usize,
}

impl Writer {
    fn put(&mut self, count: u32, value: u32) {
        for bit in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let byte = self.bytes.last_mut().unwrap();
            *byte |= ((value >> bit & 1) as u8) << (7 - self.at % 8);
            self.at += 1;
        }
    }

    fn below(&mut self, bound: u32, value: u32) {
        let width = bound.ilog2() + 1;
        let short = (1 << width) - bound;
        if value < short {
            self.put(width - 1, value);
        } else {
            self.put(width, value + short);
        }
    }

    fn indications(&mut self, all: Indications, targets: u32) {
        for target in 0..targets {
            self.put(2, all.of(target) as u32);
        }
    }

    fn structure(&mut self, structure: &Structure) {
        self.put(6, structure.first.into());
        self.put(5, structure.targets - 1);
        for pair in structure.templates.windows(2) {
            let next = if pair[1].spatial > pair[0].spatial {
                2
            } else {
                u32::from(pair[1].temporal > pair[0].temporal)
            };
            self.put(2, next);
        }
        self.put(2, 3);
        for template in &structure.templates {
            self.indications(template.indications, structure.targets);
        }
        for template in &structure.templates {
            for back in template.refs.into_iter() {
                self.put(1, 1);
                self.put(4, u32::from(back) - 1);
            }
            self.put(1, 0);
        }
        self.below(structure.targets + 1, structure.chains);
        if structure.chains > 0 {
            for chain in &structure.protected_by {
                self.below(structure.chains, (*chain).into());
            }
            for template in &structure.templates {
                for chain in template.chains.iter().take(structure.chains as usize) {
                    self.put(4, (*chain).into());
                }
            }
        }
        self.put(1, u32::from(!structure.sizes.is_empty()));
        for (width, height) in &structure.sizes {
            self.put(16, u32::from(*width) - 1);
            self.put(16, u32::from(*height) - 1);
        }
    }
}

/// A descriptor of a frame of a template, with all that is different from it.
pub(crate) fn write(structure: &Structure, frame: &Frame, template: usize, brings: bool) -> Vec<u8> {
    let of = &structure.templates[template];
    let mut out = Writer::default();
    out.put(1, frame.start.into());
    out.put(1, frame.end.into());
    out.put(6, (u32::from(structure.first) + template as u32) % 64);
    out.put(16, frame.number.into());
    let all = u32::MAX >> (MAX_TARGETS - structure.targets);
    let active = frame.active.filter(|active| !brings || *active != all);
    let flags = [
        brings,
        active.is_some(),
        frame.indications != of.indications,
        frame.refs != of.refs,
        frame.chains != of.chains,
    ];
    if !flags.contains(&true) {
        return out.bytes;
    }
    for flag in flags {
        out.put(1, flag.into());
    }
    if brings {
        out.structure(structure);
    }
    if let Some(active) = active {
        out.put(structure.targets, active);
    }
    if frame.indications != of.indications {
        out.indications(frame.indications, structure.targets);
    }
    if frame.refs != of.refs {
        for back in frame.refs.into_iter() {
            let back = u32::from(back) - 1;
            let size = (32 - back.leading_zeros()).div_ceil(4).max(1);
            out.put(2, size);
            out.put(4 * size, back);
        }
        out.put(2, 0);
    }
    if frame.chains != of.chains {
        for chain in frame.chains.iter().take(structure.chains as usize) {
            out.put(8, (*chain).into());
        }
    }
    out.bytes
}

fn refs(back: &[u16]) -> Refs {
    let mut refs = Refs::default();
    for back in back {
        refs.push((*back).into()).unwrap();
    }
    refs
}

/// A structure from rows: spatial and temporal layer, an indication for each decode target, and what it needs.
pub(crate) fn structure(rows: &[(u8, u8, &str, &[u16])], sizes: &[(u16, u16)]) -> Structure {
    let indications = |text: &str| {
        let bits = text.chars().enumerate().map(|(at, letter)| {
            let indication = "-DSR".find(letter).unwrap() as u64;
            indication << (at * 2)
        });
        Indications(bits.sum())
    };
    Structure {
        first: 61,
        targets: rows[0].2.len() as u32,
        protected_by: Vec::new(),
        chains: 0,
        templates: rows
            .iter()
            .map(|(spatial, temporal, text, back)| Template {
                spatial: *spatial,
                temporal: *temporal,
                indications: indications(text),
                refs: refs(back),
                chains: Chains::default(),
            })
            .collect(),
        sizes: sizes.to_vec(),
    }
}

/// The frame a template stands for.
pub(crate) fn frame(structure: &Structure, template: usize, number: u16) -> Frame {
    let of = &structure.templates[template];
    Frame {
        start: true,
        end: true,
        number,
        spatial: of.spatial,
        temporal: of.temporal,
        indications: of.indications,
        refs: of.refs,
        chains: of.chains,
        active: None,
    }
}

#[test]
fn reads_what_the_specification_shows() {
    // L1T2 of the specification's examples: a keyframe, then frames of three bytes.
    let known = structure(
        &[(0, 0, "SS", &[]), (0, 0, "SS", &[2]), (0, 1, "-D", &[1])],
        &[(640, 360)],
    );
    let key = Frame {
        active: Some(0b11),
        ..frame(&known, 0, 0)
    };
    let bytes = write(&known, &key, 0, true);
    let (read_key, brought) = read(&bytes, None).unwrap();
    assert_eq!((read_key, brought.as_ref()), (key, Some(&known)));
    let short = write(&known, &frame(&known, 2, 1), 2, false);
    assert_eq!(short, [0xff, 0, 1]);
    assert_eq!(read(&short, None), None, "nobody told the structure");
    let (delta, brought) = read(&short, Some(&known)).unwrap();
    assert_eq!(
        (
            delta.temporal,
            delta.refs.into_iter().collect::<Vec<_>>(),
            brought
        ),
        (1, vec![1], None)
    );
    let targets: Vec<_> = known
        .targets()
        .map(|target| (target.temporal, target.templates))
        .collect();
    assert_eq!(targets, [(0, 0b011), (1, 0b111)]);
    assert_eq!((known.height(0), known.height(1)), (360, 0));
}

fn any_refs(longest: u16) -> impl Strategy<Value = Refs> {
    proptest::collection::vec(1..=longest, 0..4).prop_map(|back| refs(&back))
}

fn any_structure() -> impl Strategy<Value = Structure> {
    (1u32..=32, 0u32..=32, 0u8..64).prop_flat_map(|(targets, chains, first)| {
        let chains = chains.min(targets);
        let row = (
            0u32..3,
            any::<u64>(),
            any_refs(16),
            proptest::collection::vec(0u8..16, chains as usize),
        );
        let rows = proptest::collection::vec(row, 1..20);
        let protected = proptest::collection::vec(0..chains.max(1) as u8, targets as usize);
        let sizes = proptest::collection::vec((1u16.., 1u16..), 20);
        (rows, protected, sizes, any::<bool>()).prop_map(move |(rows, protected_by, mut sizes, sized)| {
            let (mut spatial, mut temporal) = (0, 0);
            let mut templates = Vec::new();
            for (at, (step, indications, refs, known)) in rows.into_iter().enumerate() {
                match step {
                    1 if at > 0 => temporal += 1,
                    2 if at > 0 => (spatial, temporal) = (spatial + 1, 0),
                    _ => {}
                }
                let mut chains = Chains::default();
                chains[..known.len()].copy_from_slice(&known);
                let mask = u64::MAX >> (64 - targets * 2);
                templates.push(Template {
                    spatial,
                    temporal,
                    indications: Indications(indications & mask),
                    refs,
                    chains,
                });
            }
            sizes.truncate(if sized { usize::from(spatial) + 1 } else { 0 });
            Structure {
                first,
                targets,
                protected_by: if chains > 0 { protected_by } else { Vec::new() },
                chains,
                templates,
                sizes,
            }
        })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        structure in any_structure(),
        template in any::<prop::sample::Index>(),
        number in any::<u16>(),
        (start, end, brings) in any::<(bool, bool, bool)>(),
        own in (any::<Option<u64>>(), proptest::option::of(any_refs(4_096)), any::<Option<u8>>(), any::<Option<u32>>()),
    ) {
        let template = template.index(structure.templates.len());
        let mut said = Frame { start, end, ..frame(&structure, template, number) };
        let all = u32::MAX >> (32 - structure.targets);
        if let Some(bits) = own.0 {
            said.indications = Indications(bits & u64::MAX >> (64 - structure.targets * 2));
        }
        said.refs = own.1.unwrap_or(said.refs);
        if let Some(chain) = own.2 {
            said.chains[..structure.chains as usize].fill(chain);
        }
        said.active = own.3.map(|active| active & all).or(brings.then_some(all));
        let bytes = write(&structure, &said, template, brings);
        let known = (!brings).then_some(&structure);
        let (found, brought) = read(&bytes, known).expect("it can be read");
        prop_assert_eq!(found, said);
        prop_assert_eq!(brought, brings.then(|| structure.clone()));
        // What is cut off is refused, or means nothing else than what is left of it.
        for len in 0..bytes.len() {
            let _ = read(&bytes[..len], known);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), known in any_structure()) {
        let _ = read(&bytes, None);
        let _ = read(&bytes, Some(&known));
    }
}
