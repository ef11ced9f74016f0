//! Reading a journal while it is being written.

use super::Entry;

/// Cuts a journal that is read piece by piece into entries. Keeps a torn line until the rest of it comes.
#[derive(Debug, Default)]
pub struct Reader {
    torn: Vec<u8>,
    whole: u64,
    bad: u64,
}

impl Reader {
    /// Takes the next bytes of the journal and hands its whole lines to `each`. Lines that cannot be read are counted.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Entry)) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.last() != Some(&b'\n') {
                self.torn.extend_from_slice(line);
                return;
            }
            let parsed = if self.torn.is_empty() {
                serde_json::from_slice(line)
            } else {
                self.torn.extend_from_slice(line);
                serde_json::from_slice(&self.torn)
            };
            self.whole += line.len().max(self.torn.len()) as u64;
            self.torn.clear();
            match parsed {
                Ok(entry) => each(entry),
                Err(_) => self.bad += 1,
            }
        }
    }

    /// Bytes of whole lines so far: where a torn last line begins.
    #[must_use]
    pub fn whole_bytes(&self) -> u64 {
        self.whole
    }

    /// Lines that could not be read.
    #[must_use]
    pub fn bad_lines(&self) -> u64 {
        self.bad
    }
}
