//! Protobuf's fields.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::encoding::{WireType, encode_varint};

/// Writes a field's number and type: one byte for numbers up to 15, which most are.
#[inline]
fn key(out: &mut Vec<u8>, field: u32, wire_type: WireType) {
    length(out, (field << 3 | wire_type as u32) as usize);
}

#[inline]
fn length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
    } else {
        encode_varint(length as u64, out);
    }
}

#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    key(out, field, WireType::LengthDelimited);
    length(out, value.len());
    out.extend_from_slice(value);
}

pub(crate) fn string(out: &mut Vec<u8>, field: u32, value: &str) {
    bytes(out, field, value.as_bytes());
}

pub(crate) fn varint(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::Varint);
    encode_varint(value, out);
}

#[inline]
pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::SixtyFourBit);
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(crate) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    key(out, field, WireType::ThirtyTwoBit);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes a message within a message. Its length stands before it, and is known only after it.
#[inline]
pub(crate) fn message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WireType::LengthDelimited);
    // Room for the length of a short message, as most are; longer ones are moved.
    let at = out.len();
    out.push(0);
    content(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        move_for_length(out, at..at + 1, length);
    }
}

/// As [`message`], for messages that mostly take 128 bytes to 16 KiB.
#[inline]
pub(crate) fn large_message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WireType::LengthDelimited);
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    content(out);
    let length = out.len() - at - 2;
    if (0x80..0x4000).contains(&length) {
        out[at] = length as u8 | 0x80;
        out[at + 1] = (length >> 7) as u8;
    } else {
        move_for_length(out, at..at + 2, length);
    }
}

/// Writes a length that does not fit its room.
#[cold]
fn move_for_length(out: &mut Vec<u8>, room: Range<usize>, length: usize) {
    let mut varint = Vec::with_capacity(10);
    encode_varint(length as u64, &mut varint);
    out.splice(room, varint);
}

/// Nanoseconds since 1970; correct until 2554.
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(since.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_length() {
        for length in (0..300).chain([(1 << 14) - 1, 1 << 14, 1 << 21]) {
            let content = vec![7; length];
            let mut expected = Vec::new();
            bytes(&mut expected, 5, &content);
            let (mut small, mut large) = (Vec::new(), Vec::new());
            message(&mut small, 5, |out| out.extend_from_slice(&content));
            large_message(&mut large, 5, |out| out.extend_from_slice(&content));
            assert_eq!(small, expected, "{length}");
            assert_eq!(large, expected, "{length}");
        }
    }
}
