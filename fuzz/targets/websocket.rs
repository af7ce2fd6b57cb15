//! A client's bytes on a WebSocket, in pieces.

#![no_main]

use bytes::Bytes;
use funcdock::websocket::Socket;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let mut socket = Socket::new(1 << 16);
    for piece in pieces {
        socket.receive(Bytes::from(piece));
        let _ = socket.is_full();
        while socket.next_message().is_some() {}
        let _ = socket.take_output();
    }
    socket.lost();
    let _ = socket.closed();
    let _ = socket.take_output();
});
