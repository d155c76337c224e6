//! Recordings and previews over HTTP.

use super::{Api, Client, Reply, Town};
use axum::body::Body;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use serde_json::{Value, json};

/// A WAV file of a sound like speech: stereo, 44.1 kHz, with silence at both ends.
#[expect(clippy::cast_possible_truncation, reason = "within the range of the type")]
fn wav(ms: u32, amplitude: f64) -> Vec<u8> {
    let rate = 44_100;
    let quiet = vec![0_i16; 20_000];
    let sample = |n: u32| {
        let at = |hertz: f64| (f64::from(n) * std::f64::consts::TAU * hertz / 44_100.0).sin();
        ((at(440.0) + 0.4 * at(1100.0)) * amplitude * 23_000.0) as i16
    };
    let voice: Vec<i16> = (0..rate * ms / 1000).map(sample).collect();
    let samples: Vec<i16> = [quiet.clone(), voice, quiet].concat();
    let data: Vec<u8> =
        samples.iter().flat_map(|sample| [*sample; 2]).flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).expect("short");
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((length + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(data);
    bytes
}

async fn put(client: &Client<'_>, path: &str, body: Vec<u8>) -> Reply {
    let call = client.call(Method::PUT, path).header("content-type", "audio/wav");
    call.body(Body::from(body)).send().await
}

async fn preview(client: &Client<'_>, town: &Town, query: &str) -> (Value, Vec<i16>) {
    let path = format!("/lines/{}/preview", town.line);
    let read = client.get(&format!("{path}?{query}")).await.expect(200).json();
    let heard = client.get(&format!("{path}.wav?{query}")).await.expect(200);
    assert_eq!(heard.header("content-type"), "audio/wav");
    assert_eq!(heard.bytes.get(..4), Some(&b"RIFF"[..]));
    let data = heard.bytes.get(44..).expect("a header");
    let samples = data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    (read, samples)
}

#[tokio::test]
async fn a_recording_is_uploaded_heard_and_taken_back() {
    let api = Api::new().await;
    let secret = api.token("秘书", Scope::Admin).await;
    let client = api.admin(&secret);
    let town = client.town().await;
    let path = format!("/communities/{}/recordings", town.community);
    let (before, _) = preview(&client, &town, "").await;
    let made =
        put(&client, &format!("{path}/zh-CN/alarm"), wav(3000, 0.4)).await.expect(201).json();
    assert_eq!((&made["version"], &made["state"]), (&json!(1), &json!("current")));
    assert_eq!(made["made_by"], "秘书");
    let length = made["length_ms"].as_u64().expect("a length");
    assert!(length.abs_diff(3000) < 60, "{made}");
    assert!((made["level_db"].as_f64().expect("a level") + 20.0).abs() < 3.0, "{made}");
    // Who calls now hears it, and the preview is exactly that.
    let (after, heard) = preview(&client, &town, "").await;
    let alarm = |view: &Value| {
        let clips = view["clips"].as_array().expect("clips").clone();
        clips.into_iter().find(|clip| clip["clip"] == "alarm").expect("the clip")["source"].clone()
    };
    assert_eq!((alarm(&before), alarm(&after)), (json!("shipped"), json!("community")));
    let (short, long) = (before["spoken_ms"].as_u64(), after["spoken_ms"].as_u64());
    assert!(short < long, "{before} {after}");
    assert!(long.is_some_and(|ms| (ms * 8).abs_diff(heard.len() as u64) < 8), "{long:?}");
    // The list says what exists, what is missing and where it comes from.
    let list = client.get(&path).await.expect(200).json();
    let items = list["items"].as_array().expect("items");
    let of = |clip: &str| items.iter().find(|item| item["clip"] == clip).expect("an item").clone();
    assert_eq!(of("alarm")["source"], "community");
    assert_eq!(of("alarm")["code"], "101");
    assert_eq!(of("alarm")["recording"]["version"], 1);
    assert_eq!((&of("alarm")["keys"], &of("sign-1")["keys"]), (&json!("1*101"), &json!("1*301")));
    assert_eq!(list["numbers"], json!(["05925550008"]));
    assert_eq!(list["community_id"], town.community);
    // The clip alone is heard as it is said now.
    for (clip, ms) in [("alarm", 2_500), ("sign-1", 50)] {
        let heard = client.get(&format!("{path}/zh-CN/{clip}/sound")).await.expect(200);
        assert_eq!(heard.header("content-type"), "audio/wav");
        assert!(ms * 16 < heard.bytes.len(), "{clip} {}", heard.bytes.len());
    }
    for clip in ["tone", "name-00", "nothing"] {
        client.get(&format!("{path}/zh-CN/{clip}/sound")).await.expect(404);
    }
    assert_eq!(of("sign-1")["source"], "shipped");
    assert_eq!(of("sign-1")["text"], "幺");
    let minnan = client.get(&format!("{path}?language=nan")).await.expect(200).json();
    let sources = minnan["items"].as_array().expect("items").iter().map(|item| &item["source"]);
    assert!(sources.into_iter().all(|source| source == "missing"));
    // A second version, the first again, none at all.
    put(&client, &format!("{path}/zh-CN/alarm"), wav(1000, 0.4)).await.expect(201);
    let versions = client.get(&format!("{path}/zh-CN/alarm")).await.expect(200).json();
    assert_eq!(versions.as_array().map(Vec::len), Some(2));
    let first = format!("{path}/zh-CN/alarm/versions/1");
    let restored = client.call(Method::POST, &format!("{first}/restore")).send().await.expect(200);
    assert_eq!(restored.json()["state"], "current");
    let file = client.get(&first).await.expect(200);
    assert!(file.bytes.len() as u64 / 16 >= length - 40, "{}", file.bytes.len());
    client.call(Method::DELETE, &format!("{path}/zh-CN/alarm")).send().await.expect(204);
    client.call(Method::DELETE, &format!("{path}/zh-CN/alarm")).send().await.expect(404);
    client.call(Method::DELETE, &first).send().await.expect(204);
    client.get(&first).await.expect(404);
    assert_eq!(alarm(&preview(&client, &town, "").await.0), "shipped");
    assert_eq!(api.recordings.order(lianfang_domain::id::CommunityId(1)), []);
}

#[tokio::test]
async fn what_a_mobile_phone_recorded_is_kept_and_heard() {
    let api = Api::new().await;
    let secret = api.token("秘书", Scope::Admin).await;
    let client = api.admin(&secret);
    let town = client.town().await;
    let path = format!("/communities/{}/recordings/zh-CN", town.community);
    let sounds: [(&str, &str, &[u8]); 6] = [
        ("alarm", "audio/mpeg", include_bytes!("../../sounds/tone.mp3")),
        ("alarm", "audio/x-m4a", include_bytes!("../../sounds/tone.m4a")),
        ("keys", "video/mp4", include_bytes!("../../sounds/tone.m4a")),
        ("home", "application/octet-stream", include_bytes!("../../sounds/tone.ogg")),
        ("home", "Audio/FLAC", include_bytes!("../../sounds/tone.flac")),
        ("home", "audio/aac; x=1", include_bytes!("../../sounds/tone.aac")),
    ];
    for (clip, kind, sound) in sounds {
        let call = client.call(Method::PUT, &format!("{path}/{clip}")).header("content-type", kind);
        let made = call.body(Body::from(sound)).send().await.expect(201).json();
        let length = made["length_ms"].as_u64().expect("a length");
        assert!(length.abs_diff(1000) <= 50, "{kind}: {made}");
        assert!((made["level_db"].as_f64().expect("a level") + 20.0).abs() < 3.0, "{kind}: {made}");
        let version = made["version"].as_u64().expect("a version");
        let file = client.get(&format!("{path}/{clip}/versions/{version}")).await.expect(200);
        assert_eq!(file.header("content-type"), "audio/wav");
        assert_eq!(file.bytes.len() as u64, 44 + length * 16, "{kind}");
        let heard = client.get(&format!("{path}/{clip}/sound")).await.expect(200);
        assert!(heard.bytes.len() as u64 >= length * 16, "{kind}: {}", heard.bytes.len());
    }
    let (view, heard) = preview(&client, &town, "").await;
    let clips = view["clips"].as_array().expect("clips").iter();
    let own = clips.filter(|clip| clip["source"] == "community").count();
    assert!(2 <= own, "{view}");
    assert!(3 * 8000 < heard.len(), "{}", heard.len());
}

#[tokio::test]
async fn who_recorded_is_called_by_their_name() {
    let api = Api::new().await;
    let root = api.token("root", Scope::Admin).await;
    let root = api.admin(&root);
    let town = root.town().await;
    let path = format!("/communities/{}/recordings", town.community);
    let person = api.person("林静", Role::Admin, Reach::Everything).await;
    put(&person, &format!("{path}/zh-CN/alarm"), wav(1000, 0.4)).await.expect(201);
    put(&root, &format!("{path}/zh-CN/keys"), wav(1000, 0.4)).await.expect(201);
    let list = root.get(&path).await.expect(200).json();
    let items = list["items"].as_array().expect("items");
    let of = |clip: &str| {
        let item = items.iter().find(|item| item["clip"] == clip).expect("an item");
        (item["recording"]["made_by"].clone(), item["recording"]["made_by_name"].clone())
    };
    assert_eq!(of("alarm"), (json!("account:1"), json!("林静")));
    assert_eq!(of("keys"), (json!("root"), Value::Null));
    let versions = root.get(&format!("{path}/zh-CN/alarm")).await.expect(200).json();
    assert_eq!(versions[0]["made_by_name"], "林静");
}

#[tokio::test]
async fn what_is_no_prompt_is_refused_in_both_languages() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let client = api.admin(&secret);
    let town = client.town().await;
    let path = format!("/communities/{}/recordings/nan/keys", town.community);
    let check = async |body: Vec<u8>, status: u16, problem: &str, chinese: &str, english: &str| {
        for (language, wanted) in [("zh", chinese), ("en", english)] {
            let call = client.call(Method::PUT, &path).header("content-type", "audio/wav");
            let reply = call.header("accept-language", language).body(Body::from(body.clone()));
            let reply = reply.send().await.expect(status);
            assert_eq!(reply.problem(), problem);
            let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
            assert!(detail.contains(wanted), "{detail}");
        }
    };
    check(wav(1000, 0.004), 422, "sound-refused", "声音太小", "too quiet").await;
    check(wav(1000, 0.0), 422, "sound-refused", "听不到声音", "Nothing is heard").await;
    check(wav(1000, 40.0), 422, "sound-refused", "失真", "peaks are cut off").await;
    check(wav(60, 0.4), 422, "sound-refused", "整句念完", "say all of the words").await;
    check(wav(20_000, 0.4), 422, "sound-refused", "念快些", "speak faster").await;
    check(wav(40_000, 0.4), 422, "sound-refused", "请剪短", "Cut it to 30 s").await;
    check(b"ID3".to_vec(), 422, "sound-refused", "不完整", "not whole").await;
    check(b"#!AMR\n<<<<".to_vec(), 422, "sound-refused", "AMR", "AMR").await;
    check(b"\x02#!SILK_V3".to_vec(), 422, "sound-refused", "微信语音", "WeChat").await;
    let opus = include_bytes!("../../sounds/tone.opus");
    check(opus.to_vec(), 422, "sound-refused", "M4A、MP3、WAV", "M4A, MP3, WAV").await;
    let film = include_bytes!("../../sounds/film.mp4");
    check(film.to_vec(), 422, "sound-refused", "没有声音", "without sound").await;
    let hours = include_bytes!("../../sounds/hours.flac");
    check(hours.to_vec(), 422, "sound-refused", "请剪短", "Cut it to 30 s").await;
    check(vec![0; 13 << 20], 413, "too-large", "", "").await;
    let text = client.call(Method::PUT, &path).text("{}").send().await.expect(415);
    assert_eq!(text.problem(), "sound-media-type");
    for (path, status) in [
        ("/communities/1/recordings/nan/tone", 404),
        ("/communities/1/recordings/nan/nothing-like-it", 404),
        ("/communities/1/recordings/fr/alarm", 404),
        ("/communities/0/recordings/nan/alarm", 404),
        ("/communities/77/recordings/nan/alarm", 404),
        ("/communities/x/recordings/nan/alarm", 404),
    ] {
        let reply = put(&client, path, wav(800, 0.4)).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
    }
    let reader = api.token("reader", Scope::Operator).await;
    let reader = api.admin(&reader);
    put(&reader, &path, wav(800, 0.4)).await.expect(403);
    reader.get("/communities/all/recordings?language=nan").await.expect(200);
    for query in ["contact=77", "language=fr", "message=poem", "more=1"] {
        let reply = reader.get(&format!("/lines/{}/preview?{query}", town.line)).await;
        assert!(matches!(reply.status.as_u16(), 400 | 404), "{query}: {}", reply.text);
    }
    reader.get("/lines/77/preview.wav").await.expect(404);
}

#[tokio::test]
async fn a_neighbour_of_another_tongue_hears_it_and_reads_chinese() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let client = api.admin(&secret);
    let town = client.town().await;
    let other = json!({"group_id": town.group, "name": "林阿婆", "door": "301", "language": "nan"});
    let other = client.create("/households", other).await;
    let contact = json!({"household_id": other, "name": "林阿婆", "language": "nan",
        "numbers": [{"number": "13800003333"}]});
    let contact = client.create("/contacts", contact).await;
    let query = format!("contact={contact}");
    let (read, mandarin) = preview(&client, &town, &query).await;
    assert_eq!((&read["language"], &read["said_in"]), (&json!("nan"), &json!("zh-CN")));
    // Everybody whom the alarm reaches may be chosen, each once, with the language that they are spoken to in.
    let listeners = read["listeners"].as_array().expect("a list");
    let found = listeners.iter().find(|one| one["contact_id"] == contact).expect("is called");
    assert_eq!((&found["role"], &found["language"]), (&json!("neighbour"), &json!("nan")));
    assert_eq!((&found["name"], &found["is_called"]), (&json!("林阿婆"), &json!(true)));
    let own = listeners.iter().find(|one| one["role"] == "own_household").expect("is told");
    assert_eq!((&own["contact_id"], &own["is_called"]), (&json!(town.contact), &json!(false)));
    let (told, _) = preview(&client, &town, &format!("contact={}", town.contact)).await;
    assert_ne!(told["sms"], read["sms"], "their own household is told something else");
    let asked = format!("contact={}&message=alarm", town.contact);
    assert_eq!(
        preview(&client, &town, &asked).await.0["clips"],
        preview(&client, &town, "").await.0["clips"]
    );
    for nobody in ["contact=999", "worker=999", "responder=1", "contact=1&worker=1"] {
        client.get(&format!("/lines/{}/preview?{nobody}", town.line)).await.expect(404);
    }
    assert!(read["sms"].as_str().expect("a text").starts_with("【平安联防】求助"), "{read}");
    // As soon as every clip of the sentence was recorded, all of it is in the dialect; the name too.
    let clips: Vec<String> = read["clips"]
        .as_array()
        .expect("clips")
        .iter()
        .map(|clip| clip["clip"].as_str().expect("a stem").to_owned())
        .filter(|clip| clip != "tone" && !clip.starts_with("name-"))
        .collect();
    for (index, clip) in clips.iter().enumerate() {
        let (view, heard) = preview(&client, &town, &query).await;
        assert_eq!(view["said_in"], "zh-CN", "{index} of {} are there", clips.len());
        assert!(heard == mandarin, "{index} of {} are there", clips.len());
        let shelf = if index % 2 == 0 { "all".to_owned() } else { town.community.to_string() };
        put(&client, &format!("/communities/{shelf}/recordings/nan/{clip}"), wav(700, 0.4))
            .await
            .expect(201);
    }
    let path = format!("/households/{}/recordings?language=nan", town.household);
    let names = client.get(&path).await.expect(200).json();
    assert_eq!(names["items"][0]["text"], "陈阿姨");
    assert_eq!(names["items"][0]["code"], format!("9{}", town.household));
    assert_eq!(names["items"][0]["source"], "missing");
    let name = names["items"][0]["clip"].as_str().expect("a stem");
    let path = format!("/communities/{}/recordings/nan/{name}", town.community);
    put(&client, &path, wav(900, 0.4)).await.expect(201);
    let (view, heard) = preview(&client, &town, &query).await;
    assert_eq!(view["said_in"], "nan");
    let sources = view["clips"].as_array().expect("clips").iter().map(|clip| &clip["source"]);
    let missing = sources.filter(|source| **source == "missing").count();
    assert_eq!(missing, 0, "{view}");
    assert!(heard != mandarin);
    // Who speaks Mandarin still hears Mandarin.
    let (view, _) = preview(&client, &town, "language=zh-CN").await;
    assert_eq!(view["said_in"], "zh-CN");
    // A community says what comes before Mandarin.
    let order = format!("/communities/{}/recordings/order", town.community);
    let call = client.call(Method::PUT, &order).json(&json!({"languages": ["nan"]}));
    call.send().await.expect(204);
    assert_eq!(preview(&client, &town, "language=hak").await.0["said_in"], "nan");
    let list = client.get(&format!("/communities/{}/recordings", town.community)).await;
    assert_eq!(list.expect(200).json()["order"], json!(["nan"]));
}

#[tokio::test]
async fn a_worker_gets_a_pin_that_nobody_reads() {
    use lianfang::store::worker_pins::{WorkerPinVerdict, check};
    use lianfang_domain::id::WorkerId;
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let client = api.admin(&secret);
    let town = client.town().await;
    let path = format!("/workers/{}/pin", town.worker);
    let set = async |path: &str, pin: Value, status: u16| {
        let call = client.call(Method::PUT, path).json(&json!({"pin": pin}));
        call.send().await.expect(status)
    };
    let keyed = async |pin: &str| {
        let worker = WorkerId(u32::try_from(town.worker).expect("small"));
        let editor = api.store.directory().edited_by("line:1", api.clock.now());
        let verdict = check(&editor, worker, pin).await;
        verdict.expect("the database answers")
    };
    assert_eq!(keyed("4821").await, WorkerPinVerdict::Wrong, "there is none yet");
    set(&path, json!("4821"), 204).await;
    assert_eq!(keyed("4821").await, WorkerPinVerdict::Right);
    assert_eq!(set(&path, json!("1234"), 422).await.pointers(), ["/pin"]);
    set(&path, json!("12"), 422).await;
    set("/workers/77/pin", json!("4821"), 404).await;
    for _ in 0..3 {
        assert_eq!(keyed("4829").await, WorkerPinVerdict::Wrong);
    }
    assert_eq!(keyed("4821").await, WorkerPinVerdict::Locked);
    set(&path, json!("9035"), 204).await;
    assert_eq!(keyed("9035").await, WorkerPinVerdict::Right, "a new PIN ends the lock");
    set(&path, Value::Null, 204).await;
    assert_eq!(keyed("9035").await, WorkerPinVerdict::Wrong);
}
