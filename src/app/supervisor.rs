//! What systemd is told (sd_notify(3)): that we are up, that we stop, and, where it asks, that alarms are looked after.
//!
//! The watchdog is only fed after the switchboard has answered, on the runtime of the alarms: a process that lives and
//! serves nobody is started anew, and its alarms go on. Without systemd nothing of this happens; nobody waits for it.

use crate::switchboard::Switchboard;
use crate::tasks::Tasks;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How often within the time of the watchdog it is fed: three tries may fail before it bites.
const BEATS: u32 = 4;

/// Tells systemd, where there is one, such as `READY=1`.
pub(super) fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, state, "Cannot tell systemd how it stands");
    }
}

/// Feeds the watchdog, where systemd has one for this process.
pub(super) fn watch(switchboard: &Switchboard, tasks: &Tasks) {
    let text = |name| std::env::var(name).ok();
    let is_ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let time = text("WATCHDOG_USEC").and_then(|time| time.parse().ok());
    let Some(time) = time.filter(|time| is_ours && 0 < *time) else { return };
    let pause = Duration::from_micros(time) / BEATS;
    let switchboard = switchboard.clone();
    tasks.start("watchdog", move |stop| async move {
        loop {
            match switchboard.load().await {
                Some(_) => tell("WATCHDOG=1"),
                None => tracing::error!("The switchboard does not answer, the watchdog is not fed"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    });
}

/// A message that is too much for the socket now is left out: nobody waits for systemd.
fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let own = UnixDatagram::unbound()?;
    own.set_nonblocking(true)?;
    own.send_to_addr(state.as_bytes(), &address(socket)?).map(drop)
}

/// A path, or a name without one that begins with `@`.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_over_a_path_and_over_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("@lianfang-{}", std::process::id());
        for socket in [folder.path().join("notify").into_os_string(), name.into()] {
            let systemd = UnixDatagram::bind_addr(&address(&socket).unwrap()).unwrap();
            send(&socket, "READY=1").unwrap();
            let mut told = [0; 32];
            let length = systemd.recv(&mut told).unwrap();
            assert_eq!(told.get(..length), Some(&b"READY=1"[..]), "{}", socket.display());
        }
        assert!(send(folder.path().join("nobody").as_os_str(), "READY=1").is_err());
    }
}
