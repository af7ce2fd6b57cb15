//! Where one request ends and the next begins, among the bytes of a connection.
//!
//! The server parses requests and judges them. This only follows the server: if it took another end for the end of a
//! request, the server would ask for more, and get it.

/// The part of a request that comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Head(Head),
    /// A body that has this number of bytes still to come; never 0.
    Body(u64),
    Chunks(Chunks),
    /// Whatever another protocol sends.
    Protocol,
}

/// A head, up to its empty line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    InLine,
    /// Behind the end of a line.
    AtStart,
    /// Behind the end of a line and a carriage return.
    AtReturn,
}

/// A body in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the line with a chunk's size, or behind the size in that line.
    Size { size: u64, is_read: bool },
    /// In a chunk, with the end of its line.
    Data(u64),
    /// In the lines behind the last chunk.
    Trailer { is_empty: bool },
}

impl Part {
    pub(super) const HEAD: Part = Part::Head(Head::InLine);
    pub(super) const CHUNKS: Part = Part::Chunks(Chunks::SIZE);

    /// A body of this length, or the next head if there is none.
    pub(super) fn body(length: u64) -> Self {
        match length {
            0 => Part::HEAD,
            length => Part::Body(length),
        }
    }

    /// Returns the most bytes of this part that may come.
    pub(super) fn most(&self) -> usize {
        match self {
            Part::Body(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            _ => usize::MAX,
        }
    }

    /// Goes on with these bytes, which are not empty; returns how many of them belong to the request. Behind its end comes
    /// the next head.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let end = match self {
            Part::Head(head) => head.end(bytes),
            Part::Body(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let rest = *left - taken as u64;
                *self = Part::body(rest);
                return taken;
            }
            Part::Chunks(chunks) => chunks.end(bytes),
            Part::Protocol => None,
        };
        if end.is_some() {
            *self = Part::HEAD;
        }
        end.unwrap_or(bytes.len())
    }
}

impl Head {
    /// Returns the number of bytes up to the end of the head, if it is among them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match (&self, bytes[at]) {
                (Head::InLine, _) => {
                    at += memchr::memchr(b'\n', &bytes[at..])?;
                    *self = Head::AtStart;
                }
                (_, b'\n') => return Some(at + 1),
                (Head::AtStart, b'\r') => *self = Head::AtReturn,
                _ => *self = Head::InLine,
            }
            at += 1;
        }
        None
    }
}

impl Chunks {
    const SIZE: Chunks = Chunks::Size {
        size: 0,
        is_read: false,
    };

    /// Returns the number of bytes up to the end of the body, if it is among them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match (&mut *self, bytes[at]) {
                (Chunks::Data(left), _) => {
                    let rest = bytes.len() - at;
                    let taken = usize::try_from(*left).map_or(rest, |left| left.min(rest));
                    *left -= taken as u64;
                    if *left == 0 {
                        *self = Chunks::SIZE;
                    }
                    at += taken;
                    continue;
                }
                (Chunks::Size { size: 0, .. }, b'\n') => *self = Chunks::Trailer { is_empty: true },
                (Chunks::Size { size, .. }, b'\n') => *self = Chunks::Data(size.saturating_add(2)),
                (Chunks::Size { size, is_read }, byte) => match char::from(byte).to_digit(16) {
                    Some(digit) if !*is_read => *size = size.saturating_mul(16).saturating_add(digit.into()),
                    _ => *is_read = true,
                },
                (Chunks::Trailer { is_empty: true }, b'\n') => return Some(at + 1),
                (Chunks::Trailer { is_empty }, b'\n') => *is_empty = true,
                (Chunks::Trailer { .. }, b'\r') => {}
                (Chunks::Trailer { is_empty }, _) => *is_empty = false,
            }
            at += 1;
        }
        None
    }
}

/// Whether a whole head is among these bytes.
pub(super) fn has_head(bytes: &[u8]) -> bool {
    // Empty lines before a request are skipped.
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte));
    start.is_some_and(|start| Head::InLine.end(&bytes[start..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes bytes in pieces of this size; returns how many belong to the request.
    fn taken(mut part: Part, bytes: &str, size: usize) -> usize {
        let mut sum = 0;
        for piece in bytes.as_bytes().chunks(size) {
            let taken = part.take(piece);
            sum += taken;
            if part == Part::HEAD && (taken < piece.len() || sum == bytes.len() || taken == 0) {
                break;
            }
        }
        sum
    }

    #[test]
    fn requests_end_where_the_next_one_begins() {
        const NEXT: &str = "GET / HTTP/1.1\r\n\r\n";
        let chunks = "5;a=\"0\"\r\n\r\n0\r\n\r\n00a \r\n0123456789\r\n0\r\n\r\n";
        let cases = [
            (Part::HEAD, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            (Part::HEAD, "GET / HTTP/1.1\nHost: h\n\n"),
            (Part::HEAD, "GET / HTTP/1.1\r\na: \rb\r\n\n"),
            (Part::body(5), "\r\n\r\nx"),
            (Part::CHUNKS, chunks),
            (Part::CHUNKS, "0\r\nX-Trailer: 1\r\nY: 2\r\n\r\n"),
            (Part::CHUNKS, "1\r\nx\r\n0;ext\n\n"),
        ];
        for (part, request) in cases {
            let bytes = format!("{request}{NEXT}");
            // Whole, in one piece with the next one, and byte by byte.
            let fresh = || match &part {
                Part::Body(left) => Part::Body(*left),
                Part::Chunks(_) => Part::CHUNKS,
                _ => Part::HEAD,
            };
            assert_eq!(taken(fresh(), &bytes, bytes.len()), request.len(), "{request:?}");
            assert_eq!(
                taken(fresh(), request, request.len()),
                request.len(),
                "{request:?}"
            );
            let mut part = fresh();
            let ends: Vec<usize> = (0..request.len())
                .filter(|at| {
                    part.take(&request.as_bytes()[*at..=*at]);
                    part == Part::HEAD
                })
                .collect();
            assert_eq!(ends.last(), Some(&(request.len() - 1)), "{request:?}");
        }
    }

    #[test]
    fn a_head_is_whole_with_its_empty_line() {
        for (bytes, expected) in [
            ("", false),
            ("\r\n\r\n", false),
            ("\r\n\r\nGET / HTTP/1.1\r\n", false),
            ("\r\nGET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r", false),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\nrest", true),
        ] {
            assert_eq!(has_head(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }
}
