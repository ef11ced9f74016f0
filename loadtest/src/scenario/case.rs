//! A file of cases.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use super::judge::Expect;
use crate::attend::arrivals::Arrive;
use crate::attend::run::Via;
use crate::flood::packets::Kind;
use crate::flood::pour::FASTEST;
use crate::impair::script::WrittenStep;

/// Most classrooms of a case.
const CLASSROOMS_MAX: usize = 100_000;

/// A case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// How many classrooms.
    pub classrooms: usize,
    /// How they come in.
    pub via: Via,
    /// How they arrive.
    pub arrive: Arrive,
    /// Seconds over which they arrive, unless at the bell.
    pub over: u64,
    /// So many of all leave in a minute, and come back.
    pub churn_per_min: f64,
    /// Seconds they watch once the last has arrived.
    pub seconds: u64,
    /// Seed of chance.
    pub seed: u64,
    /// The steps of their line, as [`crate::impair::script::Line::parse`] has them; a perfect one without any.
    pub line: Vec<WrittenStep>,
    /// What means harm to the server meanwhile.
    pub flood: Option<WrittenFlood>,
    /// What is expected.
    pub expect: Expect,
}

/// A flood as a case has it: each kind for a while, from when all have arrived.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFlood {
    /// Packets a second.
    pub rate: u32,
    /// Seconds of each kind.
    pub seconds: u64,
    /// Only these kinds.
    #[serde(default = "all_kinds")]
    pub kinds: Vec<Kind>,
}

fn all_kinds() -> Vec<Kind> {
    Kind::ALL.to_vec()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
}

impl Case {
    /// Reads a file's cases; only those called as `only` says, unless it is empty.
    ///
    /// # Errors
    ///
    /// When it cannot be read, says something that cannot be, or has no case of such a name.
    pub fn read(path: &Path, only: &[String]) -> anyhow::Result<Vec<Self>> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| shown.to_string())?;
        Self::parse(&text, only).with_context(|| shown.to_string())
    }

    fn parse(text: &str, only: &[String]) -> anyhow::Result<Vec<Self>> {
        let cases = toml::from_str::<File>(text)?.case;
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        anyhow::ensure!(!names.is_empty(), "there is no [[case]] in it");
        for name in only {
            anyhow::ensure!(
                names.contains(&name.as_str()),
                "there is no case {name:?}; there are {}",
                names.join(", ")
            );
        }
        for case in &cases {
            case.check().with_context(|| format!("case {:?}", case.name))?;
        }
        let wanted = |case: &Self| only.is_empty() || only.contains(&case.name);
        Ok(cases.into_iter().filter(wanted).collect())
    }

    /// When the line changes first and last, in s since the run began; `None` when it stays as it is.
    pub(super) fn changes(&self) -> anyhow::Result<Option<(f64, f64)>> {
        let changes = crate::impair::script::Line::of(self.line.iter().copied())?.changes();
        let first = changes.first().map(Duration::as_secs_f64);
        Ok(first.zip(changes.last().map(Duration::as_secs_f64)))
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.name.is_empty(), "it needs a name");
        anyhow::ensure!(
            (1..=CLASSROOMS_MAX).contains(&self.classrooms),
            "classrooms is to be 1 to {CLASSROOMS_MAX}"
        );
        anyhow::ensure!(self.seconds > 0, "seconds is to be more than 0");
        anyhow::ensure!(
            self.churn_per_min.is_finite() && self.churn_per_min >= 0.0,
            "churn_per_min is to be 0 or more"
        );
        if let Some(flood) = &self.flood {
            let lasts = flood.seconds.saturating_mul(u64::try_from(flood.kinds.len())?);
            anyhow::ensure!(lasts < self.seconds, "the flood takes longer than seconds");
            anyhow::ensure!(
                (1..=FASTEST).contains(&flood.rate),
                "rate is to be 1 to {FASTEST}"
            );
        }
        crate::impair::script::Line::of(self.line.iter().copied())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_of_this_repository_can_be_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios.toml");
        let cases = Case::read(&path, &[]).expect("readable");
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        for name in [
            "lecture_1000",
            "bell_storm",
            "rural_adsl",
            "flaky_4g",
            "cut_30s",
            "fall_400k",
            "lossy_10",
            "lossy_narrow",
            "nat_rebind",
            "churn",
            "flood_50k",
        ] {
            assert!(names.contains(&name), "{names:?}");
        }
        let one = Case::read(&path, &["cut_30s".to_owned()]).expect("readable");
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].changes().expect("a line"), Some((12.0, 42.0)));
    }

    #[test]
    fn what_is_no_case_is_refused_with_the_reason() {
        let good = "[[case]]\nname = \"a\"\nclassrooms = 1\nseconds = 1\n";
        for (text, only, reason) in [
            (String::new(), "", "no [[case]]"),
            (good.to_owned(), "b", "there are a"),
            (good.replace("classrooms = 1", "classrooms = 0"), "", "classrooms"),
            (good.replace("seconds = 1", "minutes = 1"), "", "minutes"),
            (format!("{good}[[case.line]]\nloss = 7\n"), "", "loss"),
            (format!("{good}[case.expect]\nbeauty = 7\n"), "", "beauty"),
        ] {
            let only: Vec<String> = Some(only.to_owned())
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect();
            let error = Case::parse(&text, &only).expect_err(&text);
            assert!(format!("{error:#}").contains(reason), "{text}: {error:#}");
        }
    }
}
