//! Azurite, the storage emulator, as a child of this process.

use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use funcdock_storage::EmulatorPorts;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::program;
use crate::sys;

/// The folder of its data and its log within an app's folder.
pub(super) const FOLDER: &str = ".funcdock/azurite";

/// The ports that it has by itself: of blobs, queues and tables.
const DEFAULT_PORTS: [u16; 3] = [10000, 10001, 10002];

/// How long it may take until it listens.
const START: Duration = Duration::from_secs(15);

/// The time between two looks whether it listens.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection to this machine may take.
const CONNECT: Duration = Duration::from_millis(500);

/// How long it may take to write its data and end.
const STOP: Duration = Duration::from_secs(5);

/// The lines at the end of its log that an error has.
const LAST_LINES: usize = 5;

/// Why it is not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum AzuriteError {
    #[error(
        "nothing listens at {free}, and something else does at {taken}: end that, or start all services of Azurite yourself",
        free = places(free), taken = places(taken)
    )]
    SomePorts { taken: Vec<u16>, free: Vec<u16> },
    #[error("the program azurite is not installed; install it with: npm install --global azurite")]
    NotInstalled,
    #[error("--no-azurite leaves its start to somebody else")]
    NotWanted,
    #[error("the host starts one emulator for an app; start another one yourself")]
    Second,
    #[error("the folder {} for its data cannot be made: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("{} cannot be run: {source}", program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("{} {}{}", program.display(), sys::describe_exit(*status), quoted(said))]
    Ended {
        program: PathBuf,
        status: ExitStatus,
        said: String,
    },
    #[error("{} does not listen at {} after {START:?}{}", program.display(), places(ports), quoted(said))]
    Deadline {
        program: PathBuf,
        ports: Vec<u16>,
        said: String,
    },
}

/// A running emulator. Killed on drop.
#[derive(Debug)]
pub(super) struct Azurite {
    child: Child,
    log: PathBuf,
}

/// Returns the ports of those that there are.
pub(super) fn used(ports: EmulatorPorts) -> Vec<u16> {
    ports.blob.into_iter().chain(ports.queue).collect()
}

/// Whether something listens at all of these ports of this machine.
pub(super) async fn is_listening(ports: &[u16]) -> bool {
    for port in ports {
        if !listens(*port).await {
            return false;
        }
    }
    true
}

async fn listens(port: u16) -> bool {
    let connected = timeout(CONNECT, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await;
    matches!(connected, Ok(Ok(_)))
}

impl Azurite {
    /// Starts it for the app in the folder `root` at these ports, of which some are free, and waits until it listens. `None`
    /// if another process has taken them all meanwhile. Needs a tokio runtime with I/O and time, on a thread that lasts.
    pub(super) async fn start(root: &Path, ports: EmulatorPorts) -> Result<Option<Self>, AzuriteError> {
        let table = table_port(ports);
        let (mut taken, mut free) = (Vec::new(), Vec::new());
        for port in used(ports).into_iter().chain(table) {
            if listens(port).await {
                &mut taken
            } else {
                &mut free
            }
            .push(port);
        }
        if !taken.is_empty() {
            return Err(AzuriteError::SomePorts { taken, free });
        }
        let program = program::find(root).await.ok_or(AzuriteError::NotInstalled)?;
        let mut azurite = Azurite::spawn(&program, root, ports, table)?;
        let wanted = used(ports);
        let end = Instant::now() + START;
        loop {
            if let Ok(Some(status)) = azurite.child.try_wait() {
                if is_listening(&wanted).await {
                    return Ok(None);
                }
                let said = azurite.last_lines();
                return Err(AzuriteError::Ended {
                    program,
                    status,
                    said,
                });
            }
            if is_listening(&wanted).await {
                return Ok(Some(azurite));
            }
            if Instant::now() > end {
                let said = azurite.last_lines();
                azurite.stop().await;
                return Err(AzuriteError::Deadline {
                    program,
                    ports: wanted,
                    said,
                });
            }
            sleep(PAUSE).await;
        }
    }

    fn spawn(
        program: &Path,
        root: &Path,
        ports: EmulatorPorts,
        table: Option<u16>,
    ) -> Result<Self, AzuriteError> {
        let folder = root.join(FOLDER);
        let log = folder.join("azurite.log");
        let opened = make_folder(&folder).and_then(|()| {
            let file = File::create(&log)?;
            Ok((file.try_clone()?, file))
        });
        let (stdout, stderr) = opened.map_err(|source| AzuriteError::Folder {
            folder: folder.clone(),
            source,
        })?;
        // 0 is a free one.
        let port = |port: Option<u16>| port.unwrap_or(0).to_string();
        let mut command = std::process::Command::new(program);
        command
            .args(["--silent", "--skipApiVersionCheck", "--location"])
            .arg(&folder)
            .args(["--blobPort", &port(ports.blob)])
            .args(["--queuePort", &port(ports.queue)])
            .args(["--tablePort", &port(table)])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        sys::end_with_this_thread(&mut command);
        let child = Command::from(command).kill_on_drop(true).spawn();
        let child = child.map_err(|source| AzuriteError::Spawn {
            program: program.to_owned(),
            source,
        })?;
        Ok(Azurite { child, log })
    }

    /// Waits until it has ended by itself. Cancel-safe.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        // Waiting for our own child should not fail.
        self.child.wait().await.unwrap_or_else(|_| sys::failed_exit())
    }

    /// Has it write its data and end.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.child.id()
            && sys::terminate_group(pid).is_ok()
            && timeout(STOP, self.child.wait()).await.is_ok()
        {
            return;
        }
        if let Err(error) = self.child.kill().await {
            tracing::debug!("the storage emulator cannot be killed: {error}");
        }
    }

    /// Returns the end of what it has printed.
    pub(super) fn last_lines(&self) -> String {
        let printed = fs::read(&self.log).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let lines: Vec<_> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

/// Returns the port of tables, which the host does not use: the emulator's own one if another one is, too.
fn table_port(ports: EmulatorPorts) -> Option<u16> {
    let [blob, queue, table] = DEFAULT_PORTS;
    (ports.blob == Some(blob) || ports.queue == Some(queue)).then_some(table)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        // Data does not belong in version control.
        fs::write(folder.join(".gitignore"), "*\n")?;
    }
    Ok(())
}

/// Returns the addresses of these ports, for messages.
pub(super) fn places(ports: &[u16]) -> String {
    let places: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    match &places[..] {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => places.concat(),
    }
}

fn quoted(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(":\n{said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(blob: Option<u16>, queue: Option<u16>) -> EmulatorPorts {
        EmulatorPorts { blob, queue }
    }

    #[test]
    fn tables_have_their_port_if_others_have_theirs() {
        assert_eq!(table_port(ports(Some(10000), Some(10001))), Some(10002));
        assert_eq!(table_port(ports(None, Some(10001))), Some(10002));
        assert_eq!(table_port(ports(Some(7000), Some(7001))), None);
        assert_eq!(used(ports(None, Some(7))), [7]);
    }

    #[test]
    fn messages_name_the_ports() {
        assert_eq!(places(&[1]), "127.0.0.1:1");
        assert_eq!(places(&[1, 2, 3]), "127.0.0.1:1, 127.0.0.1:2 and 127.0.0.1:3");
        let error = AzuriteError::SomePorts {
            taken: vec![10000],
            free: vec![10001, 10002],
        };
        assert!(
            error
                .to_string()
                .starts_with("nothing listens at 127.0.0.1:10001 and 127.0.0.1:10002, and something else does at 127.0.0.1:10000"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_port_is_taken_while_somebody_listens() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        assert!(is_listening(&[port]).await);
        let folder = tempfile::tempdir().expect("a folder");
        let other = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let free = other.local_addr().expect("an address").port();
        drop(other);
        let started = Azurite::start(folder.path(), ports(Some(port), Some(free))).await;
        assert!(
            matches!(&started, Err(AzuriteError::SomePorts { taken, .. }) if *taken == [port]),
            "{started:?}"
        );
    }
}
