//! The protocol with a client of the same library, and with bytes that no client should send.

use super::*;

/// The limit of the messages in these tests, in bytes.
const LIMIT: u64 = 1000;

/// What a client sends to say this.
fn sent_by_client(messages: &[tungstenite::Message]) -> Bytes {
    let (mut client, mut wire) = (WebSocketContext::new(Role::Client, None), Wire::default());
    for message in messages {
        client.write(&mut wire, message.clone()).expect("written");
        client.flush(&mut wire).expect("flushed");
    }
    wire.outgoing.into()
}

/// What a client reads of these bytes.
fn read_by_client(bytes: Bytes) -> Vec<tungstenite::Message> {
    let mut client = WebSocketContext::new(Role::Client, None);
    let mut wire = Wire {
        incoming: bytes,
        outgoing: Vec::new(),
    };
    std::iter::from_fn(|| client.read(&mut wire).ok()).collect()
}

fn all_messages(socket: &mut Socket) -> Vec<Message> {
    std::iter::from_fn(|| socket.next_message()).collect()
}

fn close_frame(code: u16, reason: &str) -> tungstenite::Message {
    tungstenite::Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason.into(),
    }))
}

fn closed(code: u16, reason: &str) -> Closed {
    Closed {
        code,
        reason: reason.to_owned(),
    }
}

/// A conversation with messages of all kinds, in one frame and in several.
fn conversation() -> Bytes {
    let whole = sent_by_client(&[
        tungstenite::Message::text("héllo"),
        tungstenite::Message::Ping("p".into()),
        tungstenite::Message::binary(vec![7; 300]),
    ]);
    // "one two" in two frames with an empty mask, and a pong between them.
    let fragments: &[u8] = &[
        0x01, 0x84, 0, 0, 0, 0, b'o', b'n', b'e', b' ', //
        0x8a, 0x80, 0, 0, 0, 0, //
        0x80, 0x83, 0, 0, 0, 0, b't', b'w', b'o',
    ];
    let close = sent_by_client(&[close_frame(4000, "bye")]);
    [&*whole, fragments, &*close].concat().into()
}

#[test]
fn messages_arrive_however_their_bytes_do() {
    let bytes = conversation();
    for size in [1, 2, 3, 7, 64, bytes.len()] {
        let mut socket = Socket::new(LIMIT);
        for chunk in bytes.chunks(size) {
            socket.receive(Bytes::copy_from_slice(chunk));
        }
        let expected = [
            Message::Text("héllo".into()),
            Message::Binary(vec![7; 300].into()),
            Message::Text("one two".into()),
        ];
        assert_eq!(all_messages(&mut socket), expected, "{size} bytes at a time");
        assert_eq!(socket.closed(), Some(&closed(4000, "bye")));
        assert!(!socket.is_lost());
        let answers = read_by_client(socket.take_output());
        let expected = [tungstenite::Message::Pong("p".into()), close_frame(4000, "bye")];
        assert_eq!(answers, expected, "{size} bytes at a time");
    }
}

#[test]
fn a_client_reads_what_the_server_frames() {
    let long = "x".repeat(70_000);
    let frames = [text("héllo"), binary(&[1, 2]), ping(), text(&long), text("")];
    let read = read_by_client(frames.concat().into());
    let expected = [
        tungstenite::Message::text("héllo"),
        tungstenite::Message::binary(vec![1, 2]),
        tungstenite::Message::Ping(Bytes::new()),
        tungstenite::Message::text(long),
        tungstenite::Message::text(""),
    ];
    assert_eq!(read, expected);
}

#[test]
fn a_client_that_breaks_the_protocol_is_told() {
    let too_long = sent_by_client(&[tungstenite::Message::binary(vec![0; LIMIT as usize + 1])]);
    let cases: [(&[u8], u16, &str); 8] = [
        (&[0x81, 0x02, b'h', b'i'], 1002, "a frame without a mask"),
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002, "a reserved bit"),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002, "a reserved opcode"),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002, "a continuation of nothing"),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002, "a ping in several frames"),
        (
            &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
            1007,
            "text that is not UTF-8",
        ),
        (&too_long, 1009, "a message that is too large"),
        (
            &[
                0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
            ],
            1009,
            "a length of all there is",
        ),
    ];
    for (bytes, code, reason) in cases {
        let mut socket = Socket::new(LIMIT);
        socket.receive(Bytes::copy_from_slice(bytes));
        assert_eq!(socket.closed().map(|closed| closed.code), Some(code), "{reason}");
        let answers = read_by_client(socket.take_output());
        let [tungstenite::Message::Close(Some(frame))] = &answers[..] else {
            panic!("{reason}: {answers:?}")
        };
        assert_eq!(u16::from(frame.code), code, "{reason}");
        socket.receive(sent_by_client(&[tungstenite::Message::text("more")]));
        assert_eq!(all_messages(&mut socket), [], "{reason}");
    }
}

#[test]
fn no_byte_that_is_wrong_does_harm() {
    let bytes = conversation();
    for index in 0..bytes.len() {
        for flip in [0x01, 0x0f, 0x80, 0xff] {
            let mut broken = bytes.to_vec();
            broken[index] ^= flip;
            let mut socket = Socket::new(LIMIT);
            socket.receive(broken.into());
            let received: usize = all_messages(&mut socket).iter().map(Message::len).sum();
            assert!(received <= bytes.len(), "byte {index} ^ {flip:#x}");
            // Whatever it made of them: the server can still close.
            socket.fail();
            assert!(socket.closed().is_some());
        }
    }
}

#[test]
fn the_server_closes_with_codes_that_the_protocol_allows() {
    for code in [1000, 1001, 1003, 1008, 1011, 1012, 1013, 3000, 4999] {
        let mut socket = Socket::new(LIMIT);
        assert_eq!(socket.close(code, "why"), Ok(()), "{code}");
        assert_eq!(socket.closed(), Some(&closed(code, "why")));
        assert_eq!(read_by_client(socket.take_output()), [close_frame(code, "why")]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        let mut socket = Socket::new(LIMIT);
        assert_eq!(socket.close(code, ""), Err(CloseError::Code(code)));
        assert_eq!(socket.closed(), None);
    }
    let mut socket = Socket::new(LIMIT);
    assert_eq!(socket.close(1000, &"é".repeat(62)), Err(CloseError::Reason(124)));
    assert_eq!(socket.close(1000, &"r".repeat(123)), Ok(()));
}

#[test]
fn the_first_close_counts() {
    let mut socket = Socket::new(LIMIT);
    socket.receive(sent_by_client(&[tungstenite::Message::Close(None)]));
    socket.go_away();
    socket.lost();
    assert_eq!(socket.closed(), Some(&closed(1005, "")), "no code was given");

    let mut socket = Socket::new(LIMIT);
    socket.lost();
    socket.finish();
    assert_eq!(socket.closed(), Some(&closed(1006, "")));
    assert!(socket.is_lost());
    assert!(socket.take_output().is_empty());
}

#[test]
fn it_is_full_with_many_messages_and_with_large_ones() {
    let small = sent_by_client(&vec![tungstenite::Message::text(""); WAITING_MESSAGES]);
    let large = sent_by_client(&[tungstenite::Message::binary(vec![0; WAITING_BYTES])]);
    for (bytes, reason) in [(small, "many"), (large, "large")] {
        let mut socket = Socket::new(1 << 20);
        assert!(!socket.is_full());
        socket.receive(bytes);
        assert!(socket.is_full(), "{reason}");
        socket.next_message();
        assert!(!socket.is_full(), "{reason}");
    }
}
