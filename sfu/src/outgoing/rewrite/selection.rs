//! What of a divided stream a viewer gets: the frames of one layer, and numbers without holes where the others were.
//!
//! No frame is left out that one which is sent needs. A layer is begun where all that follows of it can be decoded, and left when
//! nothing of the moment's picture was sent yet.

use crate::divided::Part;

/// Frames whose fate is remembered: 10 s of three layers.
const FRAMES: usize = 1_024;
/// Places where packets were left out that are remembered.
const HOLES: usize = 256;
/// Frames after one that comes late among which is looked for one that needs it.
const LATE: usize = 64;
/// See [`Selection::fates`].
const UNKNOWN: u8 = 0;
const LEFT: u8 = 1;
const SENT: u8 = 2;

/// From a packet on, so many before it were left out.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    from: u64,
    left: u64,
}

/// See the module. Packets are counted from the first of the mapping.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The layer that is sent.
    current: Option<u8>,
    /// Layers of which nothing was left out that later frames of them need.
    clean: u8,
    newest: u64,
    /// Of the last frames, by their number: unknown, left out, or sent as a layer.
    fates: [u8; FRAMES],
    /// The moment whose picture is being sent.
    sending: Option<u32>,
    /// The packet after the newest.
    next: u64,
    holes: [Hole; HOLES],
    /// Holes there were.
    count: usize,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            current: None,
            clean: 0,
            newest: 0,
            fates: [UNKNOWN; FRAMES],
            sending: None,
            next: 0,
            holes: [Hole::default(); HOLES],
            count: 0,
        }
    }
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its number, counted from the first.
    pub(crate) number: u64,
    /// It ends the viewer's picture.
    pub(crate) last: bool,
}

impl Selection {
    /// Whether a layer can only be changed to with a frame that is its own beginning.
    pub(crate) fn waits_for(&self, layer: u8) -> bool {
        self.current != Some(layer) && self.clean >> layer & 1 == 0
    }

    /// Takes a packet, which is the `at`-th; `None` when the viewer does not get it.
    pub(crate) fn take(&mut self, target: u8, part: &Part, timestamp: u32, at: u64) -> Option<Taken> {
        let fate = self.fate(target, part, timestamp);
        let newest = at >= self.next;
        if fate < SENT {
            if newest {
                self.leave_out(at);
            }
            return None;
        }
        let layer = fate - SENT;
        self.next = self.next.max(at + 1);
        Some(Taken {
            number: at - self.left_before(at)?,
            last: part.end && part.top >> layer & 1 == 1,
        })
    }

    /// A packet that belongs to no frame is not sent.
    pub(crate) fn leave_out(&mut self, at: u64) {
        if at < self.next {
            return;
        }
        let left = self.newest_hole().map_or(0, |hole| hole.left);
        let continues = self.newest_hole().is_some_and(|hole| hole.from == at);
        if !continues {
            self.count += 1;
        }
        self.holes[(self.count - 1) % HOLES] = Hole {
            from: at + 1,
            left: left + 1,
        };
        self.next = at + 1;
    }

    /// Where a packet that was sent lies, `Err` when it was left out but has a number, because it came after later ones.
    pub(crate) fn placed(&self, part: &Part, at: u64) -> Option<Result<Taken, u64>> {
        let number = at - self.left_before(at)?;
        match self.known(part.frame) {
            UNKNOWN => None,
            LEFT => Some(Err(number)),
            fate => Some(Ok(Taken {
                number,
                last: part.end && part.top >> (fate - SENT) & 1 == 1,
            })),
        }
    }

    /// The packet behind a number.
    pub(crate) fn original(&self, number: u64) -> Option<u64> {
        let mut holes = self.holes_back();
        let hole = holes.find(|hole| hole.from - hole.left <= number);
        match hole {
            Some(hole) => Some(number + hole.left),
            None => (self.count <= HOLES).then_some(number),
        }
    }

    fn newest_hole(&self) -> Option<Hole> {
        let last = self.count.checked_sub(1)?;
        self.holes.get(last % HOLES).copied()
    }

    /// The newest first.
    fn holes_back(&self) -> impl Iterator<Item = &Hole> {
        let kept = self.count.min(HOLES);
        (0..kept).map(|back| &self.holes[(self.count - 1 - back) % HOLES])
    }

    /// Packets left out before the `at`-th; `None` when that is too long ago.
    fn left_before(&self, at: u64) -> Option<u64> {
        match self.holes_back().find(|hole| hole.from <= at) {
            Some(hole) => Some(hole.left),
            None => (self.count <= HOLES).then_some(0),
        }
    }

    fn slot(frame: u64) -> usize {
        (frame % FRAMES as u64) as usize
    }

    fn known(&self, frame: u64) -> u8 {
        let age = self.newest.checked_sub(frame);
        if age.is_some_and(|age| age < FRAMES as u64) {
            self.fates[Self::slot(frame)]
        } else {
            UNKNOWN
        }
    }

    /// What becomes of a frame: decided by its first packet that comes.
    fn fate(&mut self, target: u8, part: &Part, timestamp: u32) -> u8 {
        if part.frame > self.newest {
            for passed in (self.newest + 1..=part.frame).rev().take(FRAMES) {
                self.fates[Self::slot(passed)] = UNKNOWN;
            }
            self.newest = part.frame;
            let fate = self.decide(target, part, timestamp);
            self.fates[Self::slot(part.frame)] = fate;
            return fate;
        }
        match self.known(part.frame) {
            UNKNOWN if self.newest - part.frame < FRAMES as u64 => {
                let fate = self.decide_late(part);
                self.fates[Self::slot(part.frame)] = fate;
                fate
            }
            fate => fate,
        }
    }

    fn decide(&mut self, target: u8, part: &Part, timestamp: u32) -> u8 {
        let decodable = self.decodable(part);
        if self.current != Some(target)
            && self.sending != Some(timestamp)
            && part.present >> target & 1 == 1
            && decodable
            && (self.clean >> target & 1 == 1 || part.switch >> target & 1 == 1 && self.has_all(part))
        {
            self.current = Some(target);
        }
        let sent = self
            .current
            .filter(|layer| decodable && part.present >> layer & 1 == 1);
        let Some(layer) = sent else {
            self.clean &= !(part.present & !part.discardable);
            return LEFT;
        };
        self.clean |= part.switch;
        self.sending = Some(timestamp);
        SENT + layer
    }

    /// A frame that came after later ones: sent if one of those may need it.
    fn decide_late(&self, part: &Part) -> u8 {
        let later = (part.frame + 1..=self.newest).take(LATE);
        let later = later.map(|frame| self.fates[Self::slot(frame)]);
        let later = later.filter(|fate| *fate >= SENT).map(|fate| fate - SENT);
        let mut layers = later.chain(self.current);
        let layer = layers.find(|layer| part.present >> layer & 1 == 1);
        match layer.filter(|_| self.decodable(part)) {
            Some(layer) => SENT + layer,
            None => LEFT,
        }
    }

    /// All it needs was sent; what has not come yet might be left out when it does.
    fn has_all(&self, part: &Part) -> bool {
        self.needed(part).all(|needed| self.known(needed) >= SENT)
    }

    /// Nothing it needs was left out.
    fn decodable(&self, part: &Part) -> bool {
        self.needed(part).all(|needed| self.known(needed) != LEFT)
    }

    fn needed(&self, part: &Part) -> impl Iterator<Item = u64> {
        let (frame, refs) = (part.frame, part.refs);
        refs.into_iter()
            .map(move |back| frame.saturating_sub(u64::from(back)))
    }
}

#[cfg(test)]
mod tests;
