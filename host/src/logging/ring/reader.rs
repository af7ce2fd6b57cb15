//! Reads the records of a ring, at its own pace.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Cursor, ID, Ring, SLOTS, TEXT, Unread};
use crate::logging::Level;

/// The slots that a reader leaves out when it begins anew: writers are about to overwrite them.
const MARGIN: u64 = SLOTS / 16;

/// How long a reader waits for a record that is being written.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// A record as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecentRecord {
    /// The level; that of what was printed is [`Level::Info`].
    pub(crate) level: Level,
    /// The name of the function that it is about.
    pub(crate) function: Option<String>,
    /// The text, as the host writes it, with the end of its last line.
    pub(crate) text: String,
}

/// Reads the records of a [`Ring`].
#[derive(Debug)]
pub(crate) struct Reader {
    ring: &'static Ring,
    slot: u64,
    /// The number of the record that is next if none is missed; `None` before the first one.
    record: Option<u64>,
    lost: u64,
    /// The slot that is not whole, and since when.
    waiting: Option<(u64, Instant)>,
}

impl Reader {
    /// Returns a reader of all that is there.
    pub(in crate::logging) fn oldest(ring: &'static Ring) -> Self {
        let end = ring.cursor().slot;
        Reader {
            ring,
            slot: oldest(end),
            record: (end <= SLOTS).then_some(0),
            lost: 0,
            waiting: None,
        }
    }

    /// Returns a reader that goes on where another one was; `None` if that is not a place in this ring.
    pub(in crate::logging) fn after(ring: &'static Ring, place: &str) -> Option<Self> {
        let mut numbers = place
            .split('-')
            .map(|number| u64::from_str_radix(number, 16).ok());
        let (Some(id), Some(slot), Some(record), None) =
            (numbers.next()?, numbers.next()?, numbers.next()?, numbers.next())
        else {
            return None;
        };
        let is_ours = id == ring.0[ID].load(Relaxed) && slot <= ring.cursor().slot;
        is_ours.then_some(Reader {
            ring,
            slot,
            record: Some(record % Cursor::RECORDS),
            lost: 0,
            waiting: None,
        })
    }

    /// Returns the place of the next record, for [`after`](Self::after).
    pub(crate) fn place(&self) -> String {
        let record = self.record.unwrap_or_else(|| self.ring.cursor().record);
        format!("{:x}-{:x}-{record:x}", self.ring.0[ID].load(Relaxed), self.slot)
    }

    /// Returns the number of records that were missed since the last time it was asked for.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Returns the last `count` records that are `wanted`, and leaves out the others. Does not wait.
    pub(crate) fn last(
        &mut self,
        count: usize,
        wanted: impl Fn(&RecentRecord) -> bool,
    ) -> VecDeque<RecentRecord> {
        let mut last = VecDeque::new();
        // What comes meanwhile follows. Without an end, a flood would keep it here.
        let end = self.ring.cursor().slot;
        while self.slot < end
            && let Some(record) = self.next()
        {
            if wanted(&record) {
                last.push_back(record);
            }
            if last.len() > count {
                last.pop_front();
            }
        }
        last
    }

    /// Returns the next record, if there is one by now.
    pub(crate) fn next(&mut self) -> Option<RecentRecord> {
        'records: loop {
            let end = self.ring.cursor();
            if self.slot >= end.slot {
                return None;
            }
            if end.slot - self.slot > SLOTS {
                self.slot = oldest(end.slot);
            }
            let (head, first) = match self.ring.copy(self.slot) {
                Ok((head, text)) => (head, text),
                Err(Unread::Overwritten) => {
                    self.slot = oldest(self.ring.cursor().slot).max(self.slot + 1);
                    continue;
                }
                Err(Unread::NotWhole) => match self.wait() {
                    true => return None,
                    false => continue,
                },
            };
            if head.index > 0 {
                // The rest of a record whose beginning was missed.
                self.slot += 1;
                continue;
            }
            let mut bytes = first[..head.length.min(TEXT)].to_vec();
            for index in 1..head.slots() {
                match self.ring.copy(self.slot + index as u64) {
                    Ok((_, text)) => {
                        bytes.extend_from_slice(&text[..(head.length - index * TEXT).min(TEXT)]);
                    }
                    Err(Unread::NotWhole) => match self.wait() {
                        true => return None,
                        false => continue 'records,
                    },
                    Err(Unread::Overwritten) => {
                        self.slot += 1;
                        continue 'records;
                    }
                }
            }
            self.waiting = None;
            self.slot += head.slots() as u64;
            let number = Cursor {
                record: head.record,
                slot: 0,
            };
            self.lost += self.record.map_or(0, |expected| number.records_since(expected));
            self.record = Some((head.record + 1) % Cursor::RECORDS);
            if head.is_left_out {
                self.lost += 1;
                continue;
            }
            let text = bytes.split_off(head.name.min(bytes.len()));
            let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Some(RecentRecord {
                level: head.level,
                function: (!bytes.is_empty()).then(|| text_of(&bytes)),
                text: text_of(&text),
            });
        }
    }

    /// Whether to wait for the slot, which is not whole. If not, it is left out, and so are those behind it that are not.
    fn wait(&mut self) -> bool {
        match self.waiting {
            Some((slot, since)) if slot == self.slot => {
                if since.elapsed() < PATIENCE {
                    return true;
                }
                self.slot += 1;
                // Its others are as old.
                self.waiting = Some((self.slot, since));
                false
            }
            _ => {
                self.waiting = Some((self.slot, Instant::now()));
                true
            }
        }
    }
}

/// Returns the first slot to read when the next one has this number.
fn oldest(end: u64) -> u64 {
    if end <= SLOTS { 0 } else { end - SLOTS + MARGIN }
}
