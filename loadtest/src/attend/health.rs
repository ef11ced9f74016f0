//! What a classroom tells the server about its line: pure arithmetic over what its meters counted.

use protocol::signal::Report;

use super::receive::Meters;

/// The level of a microphone that somebody talks into.
const TALKING: u8 = 40;

/// What was counted on a connection so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Packets of sound; absent when there is none to hear.
    sound: Option<u64>,
    /// Pictures; absent when there is none to see.
    pictures: Option<u64>,
    received: u64,
    lost: u64,
    frozen_ms: u64,
}

impl Health {
    /// Looks at the meters.
    #[must_use]
    pub fn of(meters: &Meters) -> Self {
        let mut health = Self::default();
        for meter in meters.lock().values().filter(|meter| !meter.has_ended()) {
            let counts = &meter.counts;
            let shown = if meter.is_video() {
                &mut health.pictures
            } else {
                &mut health.sound
            };
            *shown = Some(shown.unwrap_or(0) + counts.frames);
            health.received += counts.packets + counts.repaired;
            health.lost += counts.lost;
            let frozen = u64::try_from(meter.freezes.frozen.as_millis()).unwrap_or(u64::MAX);
            health.frozen_ms = health.frozen_ms.max(frozen);
        }
        health
    }

    /// What there is to tell, given what was counted when it was told last; `sends` when it has a camera and a microphone.
    #[must_use]
    pub fn report(&self, before: &Self, rtt_ms: u16, sends: bool) -> Report {
        let grew = |now: Option<u64>, then: Option<u64>| now.map(|now| now > then.unwrap_or(0));
        let received = self.received.saturating_sub(before.received);
        let lost = self.lost.saturating_sub(before.lost);
        let permille = (lost * 1_000).checked_div(received + lost).unwrap_or(0);
        Report {
            hears: grew(self.sound, before.sound),
            sees: grew(self.pictures, before.pictures),
            loss_permille: u16::try_from(permille).unwrap_or(1_000),
            rtt_ms,
            frozen_ms: u32::try_from(self.frozen_ms).unwrap_or(u32::MAX),
            microphone_level: if sends { TALKING } else { 0 },
            camera_works: sends.then_some(true),
            microphone_works: sends.then_some(true),
            transport: None,
            delayed_ms: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_since_the_last_time_is_told() {
        let before = Health {
            sound: Some(100),
            pictures: Some(50),
            received: 1_000,
            lost: 10,
            frozen_ms: 0,
        };
        let now = Health {
            sound: Some(150),
            pictures: Some(50),
            received: 1_095,
            lost: 15,
            frozen_ms: 700,
        };
        let report = now.report(&before, 38, false);
        assert_eq!((report.hears, report.sees), (Some(true), Some(false)));
        assert_eq!(
            (report.loss_permille, report.rtt_ms, report.frozen_ms),
            (50, 38, 700)
        );
    }

    #[test]
    fn nothing_to_hear_is_not_the_same_as_hearing_nothing() {
        let nothing = Health::default();
        let report = nothing.report(&nothing, 0, false);
        assert_eq!((report.hears, report.sees, report.loss_permille), (None, None, 0));
        let silent = Health {
            sound: Some(0),
            ..nothing
        };
        assert_eq!(silent.report(&nothing, 0, true).hears, Some(false));
    }
}
