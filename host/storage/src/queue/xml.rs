//! Writes messages as XML. The SDK's own writer lets carriage returns and forbidden characters through: XML turns the
//! former into line feeds, and the service answers the latter with an error that does not name the reason.

use crate::error::StorageError;

/// The body of a request that sends or updates a message.
///
/// # Errors
///
/// If the text has a character that XML 1.0 cannot carry.
pub(super) fn message(text: &str) -> Result<String, StorageError> {
    let mut xml = String::with_capacity(text.len() + 64);
    xml.push_str("<QueueMessage><MessageText>");
    for (position, char) in text.chars().enumerate() {
        match char {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{FFFD}' | '\u{10000}'.. => xml.push(char),
            _ => return Err(forbidden(char, position)),
        }
    }
    xml.push_str("</MessageText></QueueMessage>");
    Ok(xml)
}

fn forbidden(char: char, position: usize) -> StorageError {
    StorageError::InvalidInput(format!(
        "a queue message cannot have the character U+{:04X} (character {} of the text), as XML has no way to write it; encode the text as base64",
        u32::from(char),
        position + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            message("a <&> \"'\r\n\t\u{1F600}\u{FFFD} ]]>").expect("XML can carry it"),
            "<QueueMessage><MessageText>a &lt;&amp;&gt; \"'&#13;\n\t\u{1F600}\u{FFFD} ]]&gt;</MessageText></QueueMessage>"
        );
        assert_eq!(
            message("").expect("XML can carry it"),
            "<QueueMessage><MessageText></MessageText></QueueMessage>"
        );
    }

    #[test]
    fn characters_that_xml_cannot_carry_are_named() {
        for (text, expected) in [
            ("ok\u{1}", "U+0001 (character 3 of the text)"),
            ("\0", "U+0000 (character 1 of the text)"),
            ("\u{FFFE}", "U+FFFE (character 1 of the text)"),
        ] {
            let error = message(text).expect_err("it is not possible").to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.ends_with("encode the text as base64"), "{error}");
        }
    }
}
