//! Queues and blobs, against Azurite.

mod blobs;
mod failures;
mod leases;
mod queues;
mod streams;

use funcdock_storage::{Connection, Container, Limits, Queue};
use funcdock_tests::Azurite;

/// The connection of a binding whose setting has this string.
fn connect(connection_string: &str) -> Connection {
    connect_with(connection_string, Limits::default())
}

fn connect_with(connection_string: &str, limits: Limits) -> Connection {
    let setting = |name: &str| (name == "Orders").then(|| connection_string.to_owned());
    Connection::from_settings_with("Orders", setting, limits).expect("a valid connection")
}

/// A queue that exists and is empty.
async fn queue(azurite: &Azurite) -> Queue {
    let queue = connect(&azurite.connection_string())
        .queue("orders")
        .expect("a valid name");
    assert!(queue.create_if_missing().await.expect("Azurite creates it"));
    queue
}

/// A container that exists and is empty.
async fn container(azurite: &Azurite) -> Container {
    let container = connect(&azurite.connection_string())
        .container("reports")
        .expect("a valid name");
    assert!(container.create_if_missing().await.expect("Azurite creates it"));
    container
}
