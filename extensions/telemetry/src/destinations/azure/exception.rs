//! An exception of Python as Application Insights has it, from the attributes of a span's event or of a log record.

use std::borrow::Cow;

use super::data::{Attributes, MAX_MESSAGE, MAX_NAME, cut, cut_text};
use super::schema::{Exception, ExceptionDetails, Frame};

/// The most characters that the frames of a stack have together.
const MAX_FRAMES: usize = 32768;
/// The greatest number of a line.
const MAX_LINE: u32 = 999_999;

/// Makes the exception that these attributes describe. The others are its properties.
pub(super) fn exception(mut attributes: Attributes<'_>, severity_level: u8) -> Exception<'_> {
    let mut field = |key: &str| attributes.take(&[key]);
    let type_name = field("exception.type").unwrap_or(Cow::Borrowed("Exception"));
    // The service refuses exceptions without a message.
    let message = field("exception.message").unwrap_or_else(|| type_name.clone());
    let stack = field("exception.stacktrace");
    let (parsed_stack, has_all_frames) = stack.as_ref().map_or((Vec::new(), false), |stack| {
        let (frames, has_all) = parse(stack);
        (frames.into_iter().map(Frame::into_owned).collect(), has_all)
    });
    let has_full_stack = has_all_frames
        && stack
            .as_ref()
            .is_some_and(|stack| stack.chars().count() <= MAX_MESSAGE);
    Exception {
        ver: 2,
        exceptions: [ExceptionDetails {
            type_name: cut_text(type_name, MAX_NAME),
            message: cut_text(message, MAX_MESSAGE),
            has_full_stack,
            stack: stack.map(|stack| cut_text(stack, MAX_MESSAGE)),
            parsed_stack,
        }],
        severity_level,
        properties: attributes.into_properties(),
    }
}

/// Reads the frames of a traceback, the innermost call first, and whether these are all. Of a chain of exceptions, the
/// last traceback counts: it is that of the exception itself. Of a group, that of the group.
fn parse(traceback: &str) -> (Vec<Frame<'_>>, bool) {
    const START: &str = "Traceback (most recent call last):";
    const START_OF_GROUP: &str = "  + Exception Group Traceback (most recent call last):";
    let mut frames = Vec::new();
    let mut indent = "  ";
    for line in traceback.lines() {
        if line == START || line == START_OF_GROUP {
            frames.clear();
            indent = if line == START { "  " } else { "  |   " };
        } else if let Some(frame) = line.strip_prefix(indent).and_then(parse_frame) {
            frames.push(frame);
        }
    }
    frames.reverse();
    let mut length = 0;
    let mut fits = |frame: &Frame<'_>| {
        length += frame.method.chars().count() + frame.file_name.chars().count();
        length <= MAX_FRAMES
    };
    let kept = frames.iter().take_while(|frame| fits(frame)).count();
    let has_all = kept == frames.len();
    frames.truncate(kept);
    for (level, frame) in frames.iter_mut().enumerate() {
        frame.level = level;
    }
    (frames, has_all)
}

/// Reads `File "shop/__init__.py", line 7, in main`.
fn parse_frame(line: &str) -> Option<Frame<'_>> {
    let (file, rest) = line.strip_prefix("File \"")?.rsplit_once("\", line ")?;
    let (line, method) = rest.split_once(", in ")?;
    Some(Frame {
        level: 0,
        method: cut(method, MAX_NAME),
        file_name: cut(file, MAX_NAME),
        line: line.parse().ok().filter(|line| *line <= MAX_LINE).unwrap_or(0),
    })
}

impl Frame<'_> {
    fn into_owned<'b>(self) -> Frame<'b> {
        Frame {
            level: self.level,
            method: Cow::Owned(self.method.into_owned()),
            file_name: Cow::Owned(self.file_name.into_owned()),
            line: self.line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(traceback: &str) -> Vec<(usize, String, String, u32)> {
        let frames = parse(traceback).0.into_iter();
        frames
            .map(|frame| {
                (
                    frame.level,
                    frame.method.into_owned(),
                    frame.file_name.into_owned(),
                    frame.line,
                )
            })
            .collect()
    }

    fn frame(level: usize, method: &str, file: &str, line: u32) -> (usize, String, String, u32) {
        (level, method.to_owned(), file.to_owned(), line)
    }

    #[test]
    fn the_innermost_call_comes_first() {
        let traceback = concat!(
            "Traceback (most recent call last):\n",
            "  File \"/app/shop/__init__.py\", line 7, in main\n",
            "    return look_up(req)\n",
            "           ^^^^^^^^^^^^\n",
            "  File \"/app/shop/it\", line 1, in.py\", line 1000000, in <lambda>\n",
            "    File \"a line of code\", line 1, in it\n",
            "  [Previous line repeated 9 more times]\n",
            "KeyError: 'sofa'\n",
        );
        assert_eq!(
            frames(traceback),
            [
                frame(0, "<lambda>", "/app/shop/it\", line 1, in.py", 0),
                frame(1, "main", "/app/shop/__init__.py", 7),
            ]
        );
    }

    #[test]
    fn the_exception_itself_is_the_last_of_a_chain() {
        let traceback = concat!(
            "Traceback (most recent call last):\n",
            "  File \"first.py\", line 1, in first\n",
            "KeyError: 1\n",
            "\nThe above exception was the direct cause of the following exception:\n\n",
            "Traceback (most recent call last):\n",
            "  File \"second.py\", line 2, in second\n",
            "ValueError: 2\n",
        );
        assert_eq!(frames(traceback), [frame(0, "second", "second.py", 2)]);
    }

    #[test]
    fn a_group_has_the_frames_of_its_own() {
        let traceback = concat!(
            "  + Exception Group Traceback (most recent call last):\n",
            "  |   File \"group.py\", line 3, in main\n",
            "  |     raise ExceptionGroup('several', errors)\n",
            "  | ExceptionGroup: several (1 sub-exception)\n",
            "  +-+---------------- 1 ----------------\n",
            "    | Traceback (most recent call last):\n",
            "    |   File \"inner.py\", line 1, in inner\n",
            "    | ValueError: 1\n",
            "    +------------------------------------\n",
        );
        assert_eq!(frames(traceback), [frame(0, "main", "group.py", 3)]);
    }

    #[test]
    fn a_deep_stack_loses_its_outermost_calls() {
        let path = "p".repeat(1000);
        let lines: Vec<String> = (0..50)
            .map(|line| format!("  File \"{path}\", line {line}, in f\n"))
            .collect();
        let traceback = lines.concat();
        let (frames, has_all) = parse(&traceback);
        assert_eq!((frames.len(), frames[0].line, has_all), (32, 49, false));
        assert_eq!(parse("SyntaxError: no traceback"), (Vec::new(), true));
    }
}
