//! A carrier and an SMS provider with people behind them: telephones that ring, answer and press keys, and the line of
//! Auntie Chen, who presses #9.

use crate::stage::LONGEST;
use lianfang_loadtest::behaviour::{Behaviour, Behaviours};
use lianfang_loadtest::clock::now;
use lianfang_loadtest::digest::{Algorithm, Credentials};
use lianfang_loadtest::provider::{Provider, ProviderConfig};
use lianfang_loadtest::service::Setup;
use lianfang_loadtest::world::{Form, PhoneConfig, PhoneId, World, WorldConfig};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Whose line it is.
pub(crate) const ACCOUNT: &str = "05925551502";
/// The mobile of Li Qiang, who lives two floors below.
pub(crate) const LI_QIANG: &str = "13805551302";
const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// No address of the carrier: the line has to prove who it is.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
/// How often the world looks whether somebody wants something of it.
const TURN: Duration = Duration::from_millis(10);
/// Auntie Chen stays on the line.
const HOLD: Duration = Duration::from_secs(60);

type Act = Box<dyn FnOnce(&mut World) + Send>;

/// Everybody outside the service; ends when it is dropped.
pub(crate) struct Town {
    pub(crate) provider: Provider,
    carrier: SocketAddr,
    acts: SyncSender<Act>,
    /// The telephone of Auntie Chen, once it is there.
    phone: Arc<Mutex<Option<PhoneId>>>,
    is_over: Arc<AtomicBool>,
    _runtime: Runtime,
}

impl Town {
    /// Opens its sockets and lets it live.
    pub(crate) fn start() -> Self {
        let mut world = World::new(WorldConfig {
            carrier: SocketAddr::new(CARRIER, 0),
            phones_ip: HOME,
            phones_port: 0,
            service: SocketAddr::new(HOME, 0),
            phones_per_socket: 1,
            media_sockets: 4,
            seed: 1,
            keeps_diary: false,
        })
        .expect("opens");
        world.set_behaviours(people());
        let carrier = world.carrier_address().expect("is bound");
        let provider = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
        let provider = Provider::start(provider).expect("listens");
        let (acts, wanted) = sync_channel(16);
        let is_over = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
        let end = Arc::clone(&is_over);
        runtime.spawn_blocking(move || live(world, &wanted, &end));
        let phone = Arc::default();
        Self { provider, carrier, acts, phone, is_over, _runtime: runtime }
    }

    /// Where the carrier is, whose calls are believed, and the SMS provider, as the service is told of them.
    pub(crate) fn tell(&self, setup: &mut Setup) {
        let config = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
        setup.carrier = self.carrier;
        setup.inbound = CARRIER;
        setup.sms = Some((self.provider.base_url(), config.account_sid, config.auth_token));
        let service = setup.sip;
        self.does(move |world| world.set_service(service));
    }

    /// The telephone of this line registers.
    pub(crate) fn registers(&self, account: &str) {
        let credentials = Credentials {
            username: account.to_owned(),
            password: password_of(account),
            algorithm: Algorithm::Sha256,
        };
        let config = PhoneConfig {
            account: account.to_owned(),
            credentials: Some(credentials),
            registers: true,
            ip: None,
        };
        let phone = Arc::clone(&self.phone);
        self.does(move |world| {
            let is_hers = config.account == ACCOUNT;
            let added = world.add_phone(config, Duration::ZERO, now()).expect("is added");
            if is_hers {
                *phone.lock().unwrap_or_else(PoisonError::into_inner) = Some(added);
            }
        });
    }

    /// Auntie Chen dials #9.
    pub(crate) fn presses(&self) {
        let phone = Arc::clone(&self.phone);
        self.does(move |world| {
            let phone = *phone.lock().unwrap_or_else(PoisonError::into_inner);
            let dials = Form::Dial("%239".to_owned());
            world.press(phone.expect("has a telephone"), dials, HOLD, now());
        });
    }

    /// Auntie Chen presses these keys in her call, once it is answered.
    pub(crate) fn keys(&self, keys: &'static str) {
        let deadline = now() + LONGEST;
        loop {
            let phone = Arc::clone(&self.phone);
            let (tell, told) = sync_channel(1);
            self.does(move |world| {
                let phone = *phone.lock().unwrap_or_else(PoisonError::into_inner);
                let is_pressed = world.key(phone.expect("has a telephone"), keys, now());
                tell.send(is_pressed).expect("somebody waits");
            });
            if told.recv().expect("the town lives") {
                return;
            }
            assert!(now() < deadline, "her call is not answered");
            std::thread::park_timeout(TURN);
        }
    }

    /// Auntie Chen puts the receiver down.
    pub(crate) fn hangs_up(&self) {
        let phone = Arc::clone(&self.phone);
        self.does(move |world| {
            let phone = *phone.lock().unwrap_or_else(PoisonError::into_inner);
            world.hang_up(phone.expect("has a telephone"), now());
        });
    }

    /// From now on, this is what happens when this mobile rings.
    pub(crate) fn teaches(&self, mobile: &'static str, does: Behaviour) {
        self.does(move |world| {
            world.behaviours().set(mobile, does.clone());
            world.behaviours().set(&format!("+86{mobile}"), does);
        });
    }

    fn does(&self, act: impl FnOnce(&mut World) + Send + 'static) {
        self.acts.send(Box::new(act)).expect("the town lives");
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn live(mut world: World, wanted: &Receiver<Act>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        wanted.try_iter().for_each(|act| act(&mut world));
        world.run_until(TURN, |_| false).expect("packets come and go");
    }
}

/// What people do today when their telephone rings. Whoever is not named lets it ring.
fn people() -> Behaviours {
    let ms = Duration::from_millis;
    let mut people = Behaviours::all(Behaviour::never_answers());
    for (mobile, does) in [
        ("13805550001", Behaviour::presses('1', ms(1_400), ms(2_600))),
        (LI_QIANG, Behaviour::presses('1', ms(900), ms(1_700))),
        ("13805551402", Behaviour::refuses(486, ms(180))),
        ("13805551202", Behaviour::presses('2', ms(1_900), ms(1_500))),
        ("13805551301", Behaviour::voicemail(ms(2_400))),
        ("13805551401", Behaviour::refuses(603, ms(1_200))),
        ("13805551501", Behaviour::listens(ms(1_100), ms(2_000))),
    ] {
        people.set(mobile, does.clone());
        people.set(&format!("+86{mobile}"), does);
    }
    people
}

fn password_of(account: &str) -> String {
    format!("pw{account}")
}

/// The sample directory with a mobile for everybody and a password for each line, in this folder.
pub(crate) fn with_mobiles(folder: &Path) -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sample");
    let town = folder.join("town");
    std::fs::create_dir_all(&town).expect("is made");
    for file in std::fs::read_dir(sample).expect("is there") {
        let file = file.expect("is there").path();
        let Some(name) = file.file_name().filter(|_| file.is_file()) else { continue };
        let mut text = std::fs::read_to_string(&file).expect("is text");
        if ["contacts.csv", "workers.csv", "responders.csv"].iter().any(|with| name == *with) {
            text = text.replace(",0592-555", ",1380555");
        }
        if name == "lines.csv" {
            let with_password = |(at, row): (usize, &str)| match row.split(',').nth(5) {
                Some(account) if 0 < at => format!("{row},{}\n", password_of(account)),
                Some(_) | None => format!("{row},password\n"),
            };
            text = text.lines().enumerate().map(with_password).collect();
        }
        std::fs::write(town.join(name), text).expect("is written");
    }
    town
}
