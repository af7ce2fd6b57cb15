//! The part of HTTP that the tests' servers need.

use std::io::{self, BufRead, Read};

use flate2::read::GzDecoder;

/// A request's head.
pub(crate) struct Head {
    /// The target: a path, or a whole URL for a proxy.
    pub(crate) target: String,
    /// The length of the body that follows.
    length: usize,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Returns a header by its name in lower case, or an empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Reads a request's head; `None` when the connection ends.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut head = Head {
        target: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        length: 0,
        headers: Vec::new(),
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            head.headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    head.length = match head.header("content-length") {
        "" => 0,
        length => length
            .parse()
            .map_err(|_| io::Error::other("content-length is not a number"))?,
    };
    Ok(Some(head))
}

/// Reads the body after a head; decompresses it if the head says that it is compressed.
pub(crate) fn read_body(reader: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = vec![0; head.length];
    reader.read_exact(&mut body)?;
    if head.header("content-encoding") != "gzip" {
        return Ok(body);
    }
    let mut plain = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
    Ok(plain)
}
