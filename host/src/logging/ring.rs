//! The last records of all processes of a host, in memory that they share. Any process adds a record without waiting for
//! another, and any process reads them.
//!
//! A record has one or more slots that follow each other. Whoever adds one takes their numbers from a counter, so records
//! have the order in which they come. A slot says with its state what number it has, and whether it is whole: a reader that
//! finds another number before or after it has read a slot was too slow, and the record is lost to it. Records are counted,
//! so that readers know how many they have missed.
//!
//! A process that is killed while it writes leaves a record that is never whole. Readers pass it by after a moment.

mod reader;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

use super::Level;
use crate::sys::SharedWords;

pub(crate) use reader::{Reader, RecentRecord};

/// The number of slots, a power of two: 2 MiB in all.
const SLOTS: u64 = 8192;

/// The words of a slot: its state, what record it is of, and text.
const SLOT: usize = 32;

/// The words of a slot before its text.
const HEAD: usize = 3;

/// The bytes of text in a slot.
const TEXT: usize = (SLOT - HEAD) * 8;

/// The words before the slots.
const BEGIN: usize = 8;
const WORDS: usize = BEGIN + SLOTS as usize * SLOT;

/// The next record and slot: see [`Cursor`].
const CURSOR: usize = 0;
/// Tells one host from another.
const ID: usize = 1;
/// A bit for each worker process that may still log of calls, by the index of its cell.
const BUSY: usize = 2;
/// Not 0 when the host stops.
const STOPPING: usize = 3;

/// How often all slots were used since a process began to write one: it was killed.
const DEAD: u64 = 64;

/// The longest record, in bytes. A longer one counts as lost to all readers.
const LONGEST: usize = 128 << 10;

/// The number of a record and of its first slot. Both in one word, so that they are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    /// Modulo [`RECORDS`](Self::RECORDS).
    record: u64,
    slot: u64,
}

impl Cursor {
    /// The bits of the slot: enough for 250 TB of log.
    const BITS: u32 = 40;
    /// A reader that has missed more counts too few.
    const RECORDS: u64 = 1 << (64 - Self::BITS);

    fn of(word: u64) -> Self {
        Cursor {
            record: word >> Self::BITS,
            slot: word & ((1 << Self::BITS) - 1),
        }
    }

    /// Returns the number of records from `earlier` to this.
    fn records_since(self, earlier: u64) -> u64 {
        self.record.wrapping_sub(earlier) % Self::RECORDS
    }
}

/// The state of a slot that is being written, and of one that is whole.
fn states(slot: u64) -> (u64, u64) {
    (2 * slot + 2, 2 * slot + 3)
}

/// What the first slot of a record says of it.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// The record's number.
    record: u64,
    level: Level,
    /// The bytes of the function's name, which come before the text.
    name: usize,
    /// The bytes of the name and the text.
    length: usize,
    /// Whether it was too long to be kept.
    is_left_out: bool,
    /// The index of the slot within the record.
    index: usize,
}

impl Head {
    fn words(self) -> [u64; 2] {
        let level = self.level as u64;
        let first = self.record << 32 | level << 8 | u64::from(self.is_left_out);
        [
            first,
            (self.index as u64) << 48 | (self.name as u64) << 32 | self.length as u64,
        ]
    }

    fn of([first, second]: [u64; 2]) -> Self {
        Head {
            record: first >> 32,
            level: Level::from_u8((first >> 8) as u8),
            is_left_out: first & 1 != 0,
            index: (second >> 48) as usize,
            name: (second >> 32) as usize & 0xffff,
            length: second as u32 as usize,
        }
    }

    fn slots(self) -> usize {
        self.length.div_ceil(TEXT).max(1)
    }
}

/// The memory.
#[derive(Debug)]
pub(super) struct Ring(SharedWords);

impl Ring {
    /// Makes an empty one.
    pub(super) fn new() -> io::Result<Self> {
        let words = SharedWords::new(WORDS)?;
        words[ID].store(fastrand::u64(1..), Relaxed);
        Ok(Ring(words))
    }

    /// Returns the one that another process has made.
    pub(super) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        Ok(Ring(SharedWords::of(descriptor, WORDS)?))
    }

    /// Returns a descriptor of it for another process.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.descriptor()
    }

    /// Adds a record. Takes no lock, and allocates nothing.
    pub(super) fn add(&self, level: Level, function: &str, text: &[u8]) {
        let is_left_out = text.len() > LONGEST;
        let text = if is_left_out { &[] } else { text };
        // No function has such a name.
        let name = function.as_bytes();
        let name = &name[..name.len().min(usize::from(u8::MAX))];
        let mut head = Head {
            record: 0,
            level,
            name: name.len(),
            length: name.len() + text.len(),
            is_left_out,
            index: 0,
        };
        let step = (1 << Cursor::BITS) + head.slots() as u64;
        let cursor = Cursor::of(self.0[CURSOR].fetch_add(step, Relaxed));
        head.record = cursor.record;
        for index in 0..head.slots() {
            head.index = index;
            let from = index * TEXT;
            let to = head.length.min(from + TEXT);
            // The name is short, so that it ends in the first slot or the second.
            let of_name = &name[from.min(name.len())..to.min(name.len())];
            let of_text = &text[from.saturating_sub(name.len())..to.saturating_sub(name.len())];
            self.write(cursor.slot + index as u64, head, of_name, of_text);
        }
    }

    fn write(&self, number: u64, head: Head, name: &[u8], text: &[u8]) {
        let slot = self.slot(number);
        let (writing, whole) = states(number);
        let mut state = slot[0].load(Relaxed);
        loop {
            // Another process was faster by all slots: it has a later record there already, or is slower and still writes
            // an earlier one. Both would be mixed, so this one is lost.
            let is_being_written = state != 0 && state.is_multiple_of(2);
            if state >= writing || (is_being_written && writing - state < 2 * SLOTS * DEAD) {
                return;
            }
            match slot[0].compare_exchange_weak(state, writing, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // Nobody sees what follows before the state.
        fence(Release);
        for (word, value) in slot[1..HEAD].iter().zip(head.words()) {
            word.store(value, Relaxed);
        }
        if name.is_empty() {
            let (words, rest) = text.as_chunks::<8>();
            for (word, bytes) in slot[HEAD..].iter().zip(words) {
                word.store(u64::from_ne_bytes(*bytes), Relaxed);
            }
            if !rest.is_empty() {
                slot[HEAD + words.len()].store(padded(rest), Relaxed);
            }
        } else {
            let mut bytes = [0; TEXT];
            bytes[..name.len()].copy_from_slice(name);
            bytes[name.len()..name.len() + text.len()].copy_from_slice(text);
            let (words, _) = bytes.as_chunks::<8>();
            let count = (name.len() + text.len()).div_ceil(8);
            for (word, bytes) in slot[HEAD..].iter().zip(&words[..count]) {
                word.store(u64::from_ne_bytes(*bytes), Relaxed);
            }
        }
        // Fails if this process was taken for dead.
        let _ = slot[0].compare_exchange(writing, whole, Release, Relaxed);
    }

    fn slot(&self, number: u64) -> &[AtomicU64] {
        let begin = BEGIN + (number % SLOTS) as usize * SLOT;
        &self.0[begin..begin + SLOT]
    }

    fn cursor(&self) -> Cursor {
        Cursor::of(self.0[CURSOR].load(Acquire))
    }

    /// Copies a slot, unless it is not, or no longer, the one with this number.
    fn copy(&self, number: u64) -> Result<(Head, [u8; TEXT]), Unread> {
        let slot = self.slot(number);
        let (_, whole) = states(number);
        let state = slot[0].load(Acquire);
        if state < whole {
            return Err(Unread::NotWhole);
        }
        let head = [1, 2].map(|word: usize| slot[word].load(Relaxed));
        let mut text = [0; TEXT];
        for (bytes, word) in text.chunks_exact_mut(8).zip(&slot[HEAD..]) {
            bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        fence(Acquire);
        if state == whole && slot[0].load(Relaxed) == whole {
            Ok((Head::of(head), text))
        } else {
            Err(Unread::Overwritten)
        }
    }

    /// Sets whether the worker process with this cell may still log of calls.
    pub(super) fn set_busy(&self, cell: u32, is_busy: bool) {
        let bit = 1 << (cell % u64::BITS);
        if is_busy {
            self.0[BUSY].fetch_or(bit, Relaxed);
        } else {
            self.0[BUSY].fetch_and(!bit, Relaxed);
        }
    }

    /// Whether a worker process may still log of calls.
    pub(super) fn is_busy(&self) -> bool {
        self.0[BUSY].load(Relaxed) != 0
    }

    /// Says that the host stops.
    pub(super) fn stop(&self) {
        self.0[STOPPING].store(1, Relaxed);
    }

    /// Whether the host stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.0[STOPPING].load(Relaxed) != 0
    }
}

fn padded(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(word)
}

/// Why a slot is not read.
enum Unread {
    /// It is being written, or its process was killed meanwhile.
    NotWhole,
    /// It has a later record.
    Overwritten,
}

#[cfg(test)]
mod tests;
