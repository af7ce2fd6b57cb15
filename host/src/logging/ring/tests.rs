//! Records from several threads and views of the memory, which stand for processes.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use super::reader::PATIENCE;
use super::*;

fn ring() -> &'static Ring {
    Box::leak(Box::new(Ring::new().expect("made")))
}

/// Returns the same memory as another process has it.
fn other(ring: &Ring) -> &'static Ring {
    let other = Ring::of(ring.descriptor().expect("a descriptor")).expect("the same size");
    Box::leak(Box::new(other))
}

fn texts(reader: &mut Reader) -> Vec<String> {
    std::iter::from_fn(|| reader.next())
        .map(|record| record.text)
        .collect()
}

#[test]
fn another_process_reads_records_as_they_were_added() {
    let ring = ring();
    let mut reader = Reader::oldest(other(ring));
    assert_eq!(reader.next(), None);
    let long = "ä".repeat(5000);
    for (level, function, text) in [
        (Level::Info, "", "plain\n"),
        (Level::Critical, "hello", ""),
        (Level::Warn, "n", &long),
        (Level::Debug, "a name of some length", &"x".repeat(TEXT)),
        (Level::Trace, &"n".repeat(250), "after a long name"),
    ] {
        ring.add(level, function, text.as_bytes());
        let function = (!function.is_empty()).then(|| function.to_owned());
        let text = text.to_owned();
        assert_eq!(
            reader.next(),
            Some(RecentRecord {
                level,
                function,
                text
            })
        );
    }
    assert_eq!((reader.next(), reader.take_lost()), (None, 0));
}

#[test]
fn what_a_reader_has_missed_is_counted() {
    let ring = ring();
    let mut slow = Reader::oldest(ring);
    ring.add(Level::Info, "", b"first");
    assert_eq!(texts(&mut slow), ["first"]);
    let place = slow.place();
    let count = 3 * SLOTS;
    for number in 0..count {
        // Of one slot, and of three.
        let more = if number % 2 == 0 { 0 } else { 2 * TEXT };
        ring.add(
            Level::Info,
            "",
            format!("{number:0>8}{}", "x".repeat(more)).as_bytes(),
        );
    }
    ring.add(Level::Info, "", &vec![b'x'; LONGEST + 1]);
    ring.add(Level::Info, "", b"last");
    for mut reader in [slow, Reader::after(ring, &place).expect("a place in it")] {
        let read = texts(&mut reader);
        assert_eq!(read.last().map(String::as_str), Some("last"));
        let kept = read.len() as u64;
        assert!(kept > SLOTS / 3, "{kept}");
        assert_eq!(reader.take_lost(), count + 2 - kept, "one is too long");
        let first: u64 = read[0][..8].parse().expect("a number");
        assert_eq!(first, count - (kept - 1));
    }
    let mut new = Reader::oldest(ring);
    assert_eq!(new.last(2, |record| record.text.len() == 8).len(), 2);
    assert_eq!(
        new.take_lost(),
        1,
        "what was before a reader came is not lost to it"
    );
    assert!(Reader::after(ring, "1-2-3").is_none());
    assert!(Reader::after(ring, "nonsense").is_none());
}

#[test]
fn a_record_that_is_never_whole_is_passed_by() {
    let ring = ring();
    ring.add(Level::Info, "", b"before");
    // A process that was killed.
    ring.0[CURSOR].fetch_add((1 << Cursor::BITS) + 3, Relaxed);
    ring.add(Level::Info, "", b"after");
    let mut reader = Reader::oldest(ring);
    assert_eq!(texts(&mut reader), ["before"]);
    let begin = Instant::now();
    let next = loop {
        if let Some(record) = reader.next() {
            break record;
        }
        assert!(begin.elapsed() < 100 * PATIENCE);
        thread::yield_now();
    };
    assert_eq!((next.text.as_str(), reader.take_lost()), ("after", 1));
}

#[test]
fn no_record_is_torn_however_many_write() {
    let ring = ring();
    let is_over = AtomicBool::new(false);
    let writers: u64 = 3;
    let each: u64 = 60_000;
    let text = |writer: u64, number: u64| {
        let length = (number % 900) as usize;
        let letter = char::from(b'a' + (number % 26) as u8);
        format!("{writer}:{number}:{}", letter.to_string().repeat(length))
    };
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut reader = Reader::oldest(other(ring));
            let mut next = vec![0; writers as usize];
            let mut count = 0;
            loop {
                let ended = is_over.load(Acquire);
                while let Some(record) = reader.next() {
                    let mut parts = record.text.splitn(3, ':').map(|part| part.parse::<u64>());
                    let (Some(Ok(writer)), Some(Ok(number))) = (parts.next(), parts.next()) else {
                        panic!("{:?}", record.text);
                    };
                    assert_eq!(record.text, text(writer, number));
                    assert!(number >= next[writer as usize], "in order");
                    next[writer as usize] = number + 1;
                    count += 1;
                }
                if ended {
                    return count + reader.take_lost();
                }
            }
        });
        let writing: Vec<_> = (0..writers)
            .map(|writer| {
                let ring = other(ring);
                scope.spawn(move || {
                    for number in 0..each {
                        ring.add(Level::Info, "", text(writer, number).as_bytes());
                    }
                })
            })
            .collect();
        for writer in writing {
            writer.join().expect("it ends");
        }
        ring.add(Level::Info, "", text(0, each).as_bytes());
        is_over.store(true, Release);
        assert_eq!(reading.join().expect("it ends"), writers * each + 1);
    });
}
