//! What the robot teacher says, and when.

use std::path::Path;
use std::time::Duration;

use super::voice::Voice;

/// What is said at each slide.
pub const SCRIPT: [&[&str]; 7] = [
    &[
        "同学们好，今天我们学习分数的初步认识。",
        "请大家坐好，打开课本第九十页。",
    ],
    &[
        "这里有一个蛋糕，要平均分给两个小朋友。",
        "每人得到一半，我们用二分之一来表示。",
    ],
    &[
        "如果平均分成四份，取其中的一份，就是四分之一。",
        "取其中的三份，就是四分之三。",
    ],
    &[
        "分数中间的横线叫分数线，上面的数叫分子，下面的数叫分母。",
        "分母表示一共分成几份，分子表示取了几份。",
    ],
    &[
        "想一想，二分之一和四分之一，哪一个更大？",
        "分的份数越多，每一份就越小，所以二分之一更大。",
    ],
    &[
        "请各个教室的同学拿出一张纸，对折两次。",
        "然后涂出它的四分之三，涂好了请举手。",
    ],
    &[
        "今天我们认识了分数：把一个整体平均分成几份，取其中的一份或几份。",
        "同学们，再见。",
    ],
];

const BETWEEN_SENTENCES: Duration = Duration::from_millis(700);
const BETWEEN_SLIDES: Duration = Duration::from_millis(1_500);
const BEFORE: Duration = Duration::from_millis(1_000);

/// A sentence on the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which slide, from 0.
    pub slide: usize,
    /// Which sentence of the slide, from 0.
    pub sentence: usize,
    /// When it begins to be said.
    pub start: Duration,
    /// When it has been said.
    pub end: Duration,
    /// What is said.
    pub text: &'static str,
}

/// The whole lesson in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In order.
    pub lines: Vec<Line>,
    /// Full seconds, so that it loops with its keyframes.
    pub length: Duration,
}

impl Timeline {
    /// Speaks the script, once or (with `length`) as often as fits.
    ///
    /// # Errors
    ///
    /// When there is no voice.
    pub fn speak(work: &Path, length: Option<Duration>) -> anyhow::Result<(Self, Voice)> {
        let mut sentences = Vec::new();
        for (slide, texts) in SCRIPT.iter().enumerate() {
            for (sentence, text) in texts.iter().enumerate() {
                sentences.push((slide, sentence, *text, Voice::say(work, text)?));
            }
        }
        Ok(Self::arrange(&sentences, length))
    }

    fn arrange(sentences: &[(usize, usize, &'static str, Voice)], length: Option<Duration>) -> (Self, Voice) {
        let mut timeline = Self::default();
        let mut voice = Voice {
            rate: sentences.first().map_or(0, |sentence| sentence.3.rate),
            samples: Vec::new(),
        };
        loop {
            let mut at = timeline.length + BEFORE;
            let mut last_slide = None;
            for (slide, sentence, text, spoken) in sentences {
                if let Some(last) = last_slide.replace(*slide) {
                    at += if last == *slide {
                        BETWEEN_SENTENCES
                    } else {
                        BETWEEN_SLIDES
                    };
                }
                voice.resize(at);
                voice.append(spoken);
                timeline.lines.push(Line {
                    slide: *slide,
                    sentence: *sentence,
                    start: at,
                    end: at + spoken.length(),
                    text,
                });
                at += spoken.length();
            }
            let whole = at + BETWEEN_SLIDES;
            timeline.length = Duration::from_secs(whole.as_secs() + 1);
            let Some(wanted) = length else { break };
            if timeline.length >= wanted || timeline.lines.is_empty() {
                timeline.length = wanted.max(Duration::from_secs(1));
                timeline.lines.retain(|line| line.start < timeline.length);
                break;
            }
        }
        voice.resize(timeline.length);
        (timeline, voice)
    }

    /// When each slide is shown: slide, from, to. A slide comes a moment before it is spoken of.
    #[must_use]
    pub fn slides(&self) -> Vec<(usize, Duration, Duration)> {
        let lead = Duration::from_millis(500);
        let mut slides: Vec<(usize, Duration, Duration)> = Vec::new();
        for line in &self.lines {
            if slides.last().is_none_or(|last| last.0 != line.slide) {
                let from = if slides.is_empty() {
                    Duration::ZERO
                } else {
                    line.start.saturating_sub(lead)
                };
                if let Some(last) = slides.last_mut() {
                    last.2 = from;
                }
                slides.push((line.slide, from, self.length));
            }
        }
        slides
    }

    /// When the second sentence of a slide that is shown from `from` begins: what it is about appears then.
    #[must_use]
    pub fn second(&self, from: Duration, to: Duration) -> Duration {
        self.lines
            .iter()
            .find(|line| line.sentence == 1 && line.start >= from && line.start < to)
            .map_or(to, |line| line.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(length: Option<u64>) -> (Timeline, Voice) {
        let second = Voice {
            rate: 1_000,
            samples: vec![9; 1_000],
        };
        let sentences: Vec<_> = (0..4).map(|n| (n / 2, n % 2, "一", second.clone())).collect();
        Timeline::arrange(&sentences, length.map(Duration::from_secs))
    }

    #[test]
    fn sound_and_timeline_are_as_long_and_in_step() {
        let (timeline, voice) = arranged(None);
        assert_eq!(voice.length(), timeline.length);
        assert_eq!(timeline.length.subsec_nanos(), 0);
        for line in &timeline.lines {
            let sample = usize::try_from(line.start.as_millis()).expect("short");
            assert_eq!((voice.samples[sample - 1], voice.samples[sample]), (0, 9));
        }
    }

    #[test]
    fn slides_follow_each_other_without_a_gap() {
        let (timeline, _) = arranged(None);
        let slides = timeline.slides();
        assert_eq!(slides.len(), 2);
        assert_eq!((slides[0].1, slides[0].2), (Duration::ZERO, slides[1].1));
        assert_eq!(slides[1].2, timeline.length);
        assert_eq!(timeline.second(slides[0].1, slides[0].2), timeline.lines[1].start);
    }

    #[test]
    fn it_is_repeated_and_cut_to_a_wanted_length() {
        assert_eq!(arranged(Some(3)).0.length, Duration::from_secs(3));
        let (timeline, voice) = arranged(Some(25));
        assert_eq!(timeline.length, Duration::from_secs(25));
        assert_eq!(voice.length(), timeline.length);
        assert!(timeline.lines.len() > 4);
    }

    #[test]
    fn every_slide_has_two_sentences() {
        assert!(SCRIPT.iter().all(|sentences| sentences.len() == 2));
    }
}
