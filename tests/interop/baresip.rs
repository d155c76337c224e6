//! baresip as the resident's phone: it registers with digest and dials a raw `#9`.

use super::skip::needs;
use super::stage::{CALLER, LONGEST, Stage, trigger};
use lianfang_loadtest::clock::now;
use lianfang_loadtest::service::free_address;
use lianfang_loadtest::world::What;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No address of the trunk.
const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5));

/// baresip 1.0 gives up at a challenge that is not MD5, even where MD5 is offered besides: such lines get no other secret.
const LINES: &str = "street,community,grid,group,household,account,number,ha1_md5
load,c00000,grid,g00000,101室,57000000,57000000,b8e7384a0f1a994bc3e9cb7cc4f244ab
";

/// A running baresip; killed when it is dropped.
struct Baresip {
    child: Child,
    control: TcpStream,
    heard: String,
}

impl Baresip {
    fn start(stage: &mut Stage) -> Self {
        let folder = stage.folder().join("baresip");
        let control = free_address(IpAddr::from([127, 0, 0, 1])).expect("a port is free");
        let sip = free_address(PHONE).expect("a port is free");
        std::fs::create_dir_all(&folder).expect("creates");
        let modules = ["account", "menu", "ctrl_tcp", "g711", "aubridge"];
        let modules: String =
            modules.iter().map(|module| format!("module {module}.so\n")).collect();
        let config = format!(
            "sip_listen {sip}\naudio_source aubridge,pair\naudio_player aubridge,pair\naudio_alert aubridge,pair\nmodule_path {}\n{modules}ctrl_tcp_listen {control}\n",
            module_path(),
        );
        let account = format!(
            "<sip:{CALLER}@{}>;auth_user={CALLER};auth_pass=pw{CALLER};regint=60\n",
            stage.setup.sip,
        );
        std::fs::write(folder.join("config"), config).expect("writes");
        std::fs::write(folder.join("accounts"), account).expect("writes");
        let log = File::create(folder.join("log")).expect("creates");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("clones"))
            .stderr(log)
            .spawn()
            .expect("baresip starts");
        let deadline = now() + LONGEST;
        let control = loop {
            match TcpStream::connect(control) {
                Ok(control) => break control,
                Err(error) => assert!(now() < deadline, "baresip does not listen: {error}"),
            }
            stage.go_on();
        };
        control.set_read_timeout(Some(Duration::from_millis(1))).expect("sets");
        Self { child, control, heard: String::new() }
    }

    /// A command as a netstring.
    fn command(&mut self, command: &str, parameters: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        write!(self.control, "{}:{json},", json.len()).expect("takes a command");
    }

    fn has_said(&mut self, event: &str) -> bool {
        let mut buffer = [0u8; 4096];
        while let Ok(len @ 1..) = self.control.read(&mut buffer) {
            self.heard.push_str(&String::from_utf8_lossy(&buffer[..len]));
        }
        self.heard.contains(event)
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn module_path() -> &'static str {
    ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("/usr/lib/baresip/modules")
}

#[test]
fn a_softphone_registers_and_dials_a_raw_hash() {
    if needs("baresip").is_none() {
        return;
    }
    let mut stage = Stage::with_lines(Some(LINES));
    let mut phone = Baresip::start(&mut stage);
    stage.expect("a registration", |stage| {
        let line = stage.api.get_json("/api/v1/lines/1/registration").expect("answers");
        line["is_registered"] == true
    });
    phone.command("dial", "#9");
    stage.expect("an answer", |_| phone.has_said("CALL_ESTABLISHED"));
    stage.expect("ten legs", |stage| {
        let is_call = |what: &What| matches!(what, What::Called);
        stage.diary.iter().filter(|happening| is_call(&happening.what)).count() == 10
    });
    let alarm = stage.expect_alarm();
    assert_eq!(trigger(&alarm)["source"], "dialled");
    assert_eq!(trigger(&alarm)["code"], "#9");
    assert_eq!(trigger(&alarm)["proof"], "digest");
    phone.command("hangup", "");
    stage.expect("the end of the call", |_| phone.has_said("CALL_CLOSED"));
    assert!(stage.alarm()["closed_at"].is_null(), "hanging up withdraws nothing");
}
