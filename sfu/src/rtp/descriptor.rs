//! The dependency descriptor (AV1 RTP specification, appendix A): which frames a frame needs, and who needs it. Any codec may carry it.

use super::bits::Bits;

#[cfg(test)]
pub(crate) mod tests;

/// Decode targets there can be (A.8.2: five bits).
const MAX_TARGETS: u32 = 32;
/// Templates there can be: their ids have six bits.
const MAX_TEMPLATES: usize = 64;
/// Frames one frame may need. Encoders of today need three.
pub(crate) const MAX_REFS: usize = 8;
/// Bytes without the extended fields.
const SHORT: usize = 3;

/// What a frame is to a decode target (A.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indication {
    /// It is not of it.
    NotPresent,
    /// Of it, and no other frame of it needs this one.
    Discardable,
    /// Of it, and who can decode this one can decode all that follow of it.
    Switch,
    /// Of it, and others need it.
    Required,
}

/// The indications of a frame, two bits for each decode target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Indications(u64);

impl Indications {
    /// For a decode target.
    pub(crate) fn of(self, target: u32) -> Indication {
        match self.0.checked_shr(target * 2).unwrap_or(0) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    fn read(bits: &mut Bits<'_>, targets: u32) -> Option<Self> {
        let mut all = 0;
        for target in 0..targets {
            all |= u64::from(bits.take(2)?) << (target * 2);
        }
        Some(Self(all))
    }
}

/// How far back the frames lie that a frame needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refs {
    back: [u16; MAX_REFS],
    count: u8,
}

impl Refs {
    /// In frames.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = u16> {
        self.back.into_iter().take(usize::from(self.count))
    }

    /// It needs none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// `None` when there are too many.
    fn push(&mut self, back: u32) -> Option<()> {
        *self.back.get_mut(usize::from(self.count))? = u16::try_from(back).ok()?;
        self.count += 1;
        Some(())
    }
}

/// How far back the last frame of each chain lies, in frames; chains beyond those there are have 0.
type Chains = [u8; MAX_TARGETS as usize];

/// What frames of one kind have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
    refs: Refs,
    chains: Chains,
}

/// The kinds of frames there are, from a keyframe on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Structure {
    /// Id of the first template.
    first: u8,
    /// Decode targets.
    targets: u32,
    /// The chain that protects each decode target; empty without chains.
    protected_by: Vec<u8>,
    /// Chains.
    chains: u32,
    templates: Vec<Template>,
    /// Width and height of each spatial layer, where they are told.
    sizes: Vec<(u16, u16)>,
}

/// A decode target as its templates show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its number.
    pub(crate) number: u32,
    /// Its highest spatial layer.
    pub(crate) spatial: u8,
    /// Its highest temporal layer.
    pub(crate) temporal: u8,
    /// Templates of it, bit n is the n-th.
    pub(crate) templates: u64,
}

/// What a descriptor says of its packet and frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The packet is the first of it.
    pub(crate) start: bool,
    /// The packet is the last of it.
    pub(crate) end: bool,
    /// Its number.
    pub(crate) number: u16,
    /// Its spatial layer.
    pub(crate) spatial: u8,
    /// Its temporal layer.
    pub(crate) temporal: u8,
    /// What it is to the decode targets.
    pub(crate) indications: Indications,
    /// The frames it needs.
    pub(crate) refs: Refs,
    /// The last frame of each chain.
    pub(crate) chains: Chains,
    /// The decode targets that are sent from here on, bit n is number n, where it is told.
    pub(crate) active: Option<u32>,
}

/// Reads a descriptor by the structure that holds until it brings its own. `None` when it cannot be read, or needs a structure nobody
/// has told.
pub(crate) fn read(descriptor: &[u8], known: Option<&Structure>) -> Option<(Frame, Option<Structure>)> {
    let mut bits = Bits::of(descriptor);
    let (start, end) = (bits.flag()?, bits.flag()?);
    let id = bits.take(6)?;
    let number = u16::try_from(bits.take(16)?).ok()?;
    let extended = descriptor.len() > SHORT;
    let mut flag = || if extended { bits.flag() } else { Some(false) };
    let (brings, says_active) = (flag()?, flag()?);
    let (own_indications, own_refs, own_chains) = (flag()?, flag()?, flag()?);
    let brought = if brings {
        Some(Structure::read(&mut bits)?)
    } else {
        None
    };
    let structure = brought.as_ref().or(known)?;
    let all = u32::MAX >> (MAX_TARGETS - structure.targets);
    let active = if says_active {
        Some(bits.take(structure.targets)?)
    } else {
        brings.then_some(all)
    };
    let template = structure.template(id)?;
    let indications = if own_indications {
        Indications::read(&mut bits, structure.targets)?
    } else {
        template.indications
    };
    let refs = if own_refs {
        read_refs(&mut bits)?
    } else {
        template.refs
    };
    let mut chains = template.chains;
    if own_chains {
        for chain in chains.iter_mut().take(structure.chains as usize) {
            *chain = u8::try_from(bits.take(8)?).ok()?;
        }
    }
    let frame = Frame {
        start,
        end,
        number,
        spatial: template.spatial,
        temporal: template.temporal,
        indications,
        refs,
        chains,
        active,
    };
    Some((frame, brought))
}

/// References of a frame of its own: each behind the length of its number.
fn read_refs(bits: &mut Bits<'_>) -> Option<Refs> {
    let mut refs = Refs::default();
    loop {
        let size = bits.take(2)?;
        if size == 0 {
            return Some(refs);
        }
        refs.push(bits.take(4 * size)? + 1)?;
    }
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let first = u8::try_from(bits.take(6)?).ok()?;
        let targets = bits.take(5)? + 1;
        let mut templates = Vec::new();
        let (mut spatial, mut temporal) = (0_u8, 0_u8);
        loop {
            if templates.len() >= MAX_TEMPLATES {
                return None;
            }
            templates.push(Template {
                spatial,
                temporal,
                indications: Indications::default(),
                refs: Refs::default(),
                chains: Chains::default(),
            });
            match bits.take(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => break,
            }
        }
        for template in &mut templates {
            template.indications = Indications::read(bits, targets)?;
        }
        for template in &mut templates {
            while bits.flag()? {
                template.refs.push(bits.take(4)? + 1)?;
            }
        }
        let chains = bits.below(targets + 1)?;
        let mut protected_by = Vec::new();
        if chains > 0 {
            for _ in 0..targets {
                protected_by.push(u8::try_from(bits.below(chains)?).ok()?);
            }
            for template in &mut templates {
                for chain in template.chains.iter_mut().take(chains as usize) {
                    *chain = u8::try_from(bits.take(4)?).ok()?;
                }
            }
        }
        let mut sizes = Vec::new();
        if bits.flag()? {
            for _ in 0..=spatial {
                let side = |side: u32| u16::try_from(side + 1).unwrap_or(u16::MAX);
                sizes.push((side(bits.take(16)?), side(bits.take(16)?)));
            }
        }
        Some(Self {
            first,
            targets,
            protected_by,
            chains,
            templates,
            sizes,
        })
    }

    fn template(&self, id: u32) -> Option<&Template> {
        let at = (id + 64 - u32::from(self.first)) % 64;
        self.templates.get(at as usize)
    }

    /// Its decode targets.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        (0..self.targets).map(|number| {
            let mut target = Target {
                number,
                spatial: 0,
                temporal: 0,
                templates: 0,
            };
            for (at, template) in self.templates.iter().enumerate() {
                if template.indications.of(number) != Indication::NotPresent {
                    target.spatial = target.spatial.max(template.spatial);
                    target.temporal = target.temporal.max(template.temporal);
                    target.templates |= 1 << at;
                }
            }
            target
        })
    }

    /// Templates of frames that need no other, bit n is the n-th.
    pub(crate) fn keys(&self) -> u64 {
        let keys = self.templates.iter().enumerate();
        let keys = keys.filter(|(_, template)| template.refs.is_empty() && template.spatial == 0);
        keys.fold(0, |all, (at, _)| all | 1 << at)
    }

    /// Lines of a spatial layer; 0 is unknown.
    pub(crate) fn height(&self, spatial: u8) -> u16 {
        self.sizes
            .get(usize::from(spatial))
            .map_or(0, |(_, height)| *height)
    }
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// ns(n): a number below `bound`, which is at least 1 (A.8.1).
    fn below(&mut self, bound: u32) -> Option<u32> {
        let width = bound.checked_ilog2()? + 1;
        let short = (1 << width) - bound;
        let value = self.take(width - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}
