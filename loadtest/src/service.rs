//! The service as a child process: its configuration, its commands, its start and its end. Ends only what it started.

use crate::api::Api;
use anyhow::{Context as _, bail, ensure};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The realm of digest authentication.
pub const REALM: &str = "lianfang";
/// Ports for sound of one service.
const RTP_PORTS: u16 = 2_000;
/// How often it is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Where a service is, and what it is connected to.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its data, its configuration and its log.
    pub folder: PathBuf,
    /// Where it listens for SIP, by UDP and TCP.
    pub sip: SocketAddr,
    /// Where it listens for HTTP.
    pub http: SocketAddr,
    /// Its ports for sound.
    pub rtp: (u16, u16),
    /// Where the carrier takes legs.
    pub carrier: SocketAddr,
    /// Whose calls are believed as the carrier's.
    pub inbound: IpAddr,
    /// The SMS provider: base URL, account, secret.
    pub sms: Option<(String, String, String)>,
    /// Legs a second.
    pub calls_per_second: u32,
    /// Seconds between probes of the carrier.
    pub probe_s: u32,
}

impl Setup {
    /// A service on free ports of the loopback that puts everything into `folder`.
    ///
    /// # Errors
    /// When the system has no free ports.
    pub fn on_free_ports(
        folder: &Path,
        carrier: SocketAddr,
        inbound: IpAddr,
    ) -> anyhow::Result<Self> {
        let local = IpAddr::from([127, 0, 0, 1]);
        Ok(Self {
            folder: folder.to_owned(),
            sip: free_address(local)?,
            http: free_address(local)?,
            rtp: free_range(local)?,
            carrier,
            inbound,
            sms: None,
            calls_per_second: 2_000,
            probe_s: 2,
        })
    }

    /// Takes a large range of ports for sound, for a machine that has nothing else to do.
    pub fn use_all_ports(&mut self) {
        self.rtp = (10_000, 32_000);
    }

    /// The configuration as TOML.
    #[must_use]
    pub fn toml(&self) -> String {
        let Self { sip, http, carrier, inbound, rtp: (first, last), .. } = self;
        let data = self.folder.join("data");
        let mut out = format!(
            "data_dir = {data:?}\n\n[sip]\nlisten = [\"udp://{sip}\", \"tcp://{sip}\"]\nrealm = \"{REALM}\"\n\n[rtp]\nport_first = {first}\nport_last = {last}\n\n[http]\nlisten = \"{http}\"\npublic_base_url = \"http://{http}\"\n\n[[trunk]]\nname = \"carrier\"\naddress = \"{carrier}\"\ninbound = [\"{inbound}\"]\ncaller_identity = \"headers_or_from\"\nnumber_format = \"as-is\"\narea_code = \"0592\"\ncaller_number = \"05925550009\"\ncalls_per_second = {}\nchannels = 100000\nprobe_s = {}\n",
            self.calls_per_second, self.probe_s,
        );
        if let Some((base_url, account, token)) = &self.sms {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "\n[[sms]]\nname = \"sms\"\nbase_url = \"{base_url}\"\naccount_sid = \"{account}\"\nauth_token = \"{token}\"\nfrom = \"+8659212349\"\nmessages_per_second = {}\nin_flight = 1000\n",
                self.calls_per_second,
            );
        }
        out
    }

    fn config(&self) -> PathBuf {
        self.folder.join("lianfang.toml")
    }

    /// Where the running service writes its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("service.log")
    }

    /// Writes the configuration.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        std::fs::write(self.config(), self.toml()).context("cannot write the configuration")
    }

    /// The program with this configuration and nothing of ours: variables of its own would change it.
    fn program(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LIANFANG_") {
                command.env_remove(name);
            }
        }
        command.arg("--config").arg(self.config());
        command
    }

    /// Runs a command of the service to its end; returns what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn command(&self, binary: &Path, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self
            .program(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`lianfang {}` failed:\n{said}{failed}",
            arguments.join(" ")
        );
        Ok(said)
    }

    /// Starts `serve`. Its log is appended to [`Self::log`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn serve(&self, binary: &Path) -> anyhow::Result<Service> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = self
            .program(binary)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Service { child, setup: self.clone() })
    }
}

/// A running service; killed when it is dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    setup: Setup,
}

impl Service {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it answers and says that it is ready; lets `meanwhile` run between the questions, since it asks the
    /// carrier whether it is there.
    ///
    /// # Errors
    /// When it ends or is not ready in time; with the end of its log.
    pub fn wait_until_ready(
        &mut self,
        api: &Api,
        longest: Duration,
        mut meanwhile: impl FnMut(Duration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let deadline = crate::clock::now() + longest;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended by itself ({status}):\n{}", self.log_end());
            }
            let answer = api.get("/readyz");
            if matches!(answer, Ok((200, _))) {
                return Ok(());
            }
            if deadline <= crate::clock::now() {
                bail!("the service is not ready: {answer:?}\n{}", self.log_end());
            }
            meanwhile(ASK_EVERY)?;
        }
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = std::fs::read_to_string(self.setup.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(30).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends it at once, as a power cut does.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody has, by UDP and TCP. Somebody may take it before the service does: the start then fails loudly.
///
/// # Errors
/// When there is none.
pub fn free_address(ip: IpAddr) -> anyhow::Result<SocketAddr> {
    for _ in 0..100 {
        let tcp = TcpListener::bind((ip, 0))?;
        let address = tcp.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free by UDP and TCP")
}

/// A range of ports for sound; begins where a port was free just now.
fn free_range(ip: IpAddr) -> anyhow::Result<(u16, u16)> {
    let port = free_address(ip)?.port();
    let first = (port / RTP_PORTS * RTP_PORTS).clamp(10_000, 60_000);
    Ok((first, first + RTP_PORTS - 1))
}
