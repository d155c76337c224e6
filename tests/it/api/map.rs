//! A community as a drawing, and the plan that it is drawn on.

use super::{Api, Client, Reply};
use axum::body::Body;
use axum::http::Method;
use jiff::SignedDuration;
use lianfang::store::accounts::Role;
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang::web::ports::Binding;
use lianfang_domain::alarm::{Event, Proof, Trigger, TriggerSource};
use lianfang_domain::id::{AlarmId, GridId, GroupId, HouseholdId, LineId};
use serde_json::{Value, json};

async fn raise(api: &Api, alarm: AlarmId, line: u64) {
    let line = LineId(u32::try_from(line).expect("small"));
    let trigger = Trigger {
        line,
        household: HouseholdId(1),
        group: GroupId(1),
        code: "#9".into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: "call".into(),
    };
    let opened = OpenedAlarm {
        line,
        idempotency_key: trigger.idempotency_key.clone(),
        follows: None,
        raised: api.clock.now(),
    };
    let batch = NewEvents {
        alarm,
        first_sequence: 0,
        at: api.clock.now(),
        events: vec![Event::Raised { trigger, follows: None }],
        plan: None,
        opened: Some(opened),
        closed: None,
        beginning: None,
    };
    api.log.append(vec![batch]).expect("queued").await.expect("kept");
}

/// The smallest PNG that is one, of this size.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        [&u32::try_from(data.len()).expect("small").to_be_bytes()[..], kind, data, &[0; 4]].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &head), &chunk(b"IEND", b"")].concat()
}

async fn put_picture(client: &Client<'_>, path: &str, tag: Option<&str>, bytes: Vec<u8>) -> Reply {
    let call = client.call(Method::PUT, path).header("accept-language", "en");
    let call = tag.into_iter().fold(call, |call, tag| call.header("if-match", tag));
    call.header("content-type", "image/png").body(Body::from(bytes)).send().await
}

#[tokio::test]
async fn a_community_is_told_building_by_building_with_lines_and_alarms() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    for (building, door) in [("10", "201"), ("9", "101"), ("9", "1001"), ("9", "201")] {
        let household = json!({"group_id": town.group, "name": format!("{building}-{door}"), "building": building, "door": door});
        admin.create("/households", household).await;
    }
    raise(&api, AlarmId(7), town.line).await;
    api.line_lamp.lost.lock().expect("no panic").insert("1001".to_owned(), api.clock.now());
    let path = format!("/communities/{}/map", town.community);
    let map = admin.get(&path).await.expect(200).json();
    let buildings = |map: &Value| {
        let items = map["items"].as_array().expect("items");
        items
            .iter()
            .map(|one| one["building"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(buildings(&map), ["3", "9", "10"], "numbers as numbers");
    let first = &map["items"][0];
    assert_eq!((&first["lines_down"], &first["doors"][0]["line"]), (&json!(1), &json!("down")));
    let alarm = json!({"id": AlarmId(7).to_string(), "state": "unattended", "is_drill": false,
        "household_id": town.household, "building_at": 0});
    assert_eq!(map["alarms"], json!([alarm]));
    let doors: Vec<_> = map["items"][1]["doors"]
        .as_array()
        .expect("doors")
        .iter()
        .map(|one| (one["door"].clone(), one["line"].clone()))
        .collect();
    assert_eq!(
        doors,
        [("101", "none"), ("201", "none"), ("1001", "none")].map(|(a, b)| (json!(a), json!(b)))
    );

    let (now, expires) = (api.clock.now(), api.clock.now() + SignedDuration::from_mins(2));
    let binding = Binding { from: "udp 192.0.2.7:5060".into(), device: None, since: now, expires };
    api.line_lamp.registered.lock().expect("no panic").push(("1001".to_owned(), binding));
    let page = admin.get(&format!("{path}?limit=1&doors=false")).await.expect(200).json();
    assert_eq!(
        (&page["total"], &page["next"], &page["items"][0]["lines_down"]),
        (&json!(3), &json!(1), &json!(0))
    );
    assert_eq!(
        (&page["items"][0]["doors"], &page["items"][0]["households"]),
        (&json!([]), &json!(1))
    );
    let page = admin.get(&format!("{path}?limit=2&after=1")).await.expect(200).json();
    assert_eq!(
        (buildings(&page), &page["next"]),
        (vec!["9".to_owned(), "10".to_owned()], &Value::Null)
    );
    let page = admin.get(&format!("{path}?building=10")).await.expect(200).json();
    assert_eq!((buildings(&page), &page["items"][0]["at"]), (vec!["10".to_owned()], &json!(2)));
    for wrong in ["?doors=some", "?limit=501", "?floor=1"] {
        admin.get(&format!("{path}{wrong}")).await.expect(400);
    }
    admin.get("/communities/99/map").await.expect(404);

    // A grid sees its own doors alone.
    let other = admin.create("/grids", json!({"community_id": town.community, "name": "2"})).await;
    let grid = GridId(u32::try_from(other).expect("small"));
    let narrow = api.person("narrow", Role::Operator, Reach::Grid(grid)).await;
    let map = narrow.get(&path).await.expect(200).json();
    assert_eq!((&map["total"], &map["alarms"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_plan_is_checked_kept_and_given_as_what_it_is() {
    let api = Api::new().await;
    let secret = api.token("root", Scope::Admin).await;
    let admin = api.admin(&secret);
    let town = admin.town().await;
    let path = format!("/communities/{}/plan", town.community);
    let picture = format!("{path}/picture");
    admin.get(&path).await.expect(404);
    admin.get(&picture).await.expect(404);
    for (bytes, status, words) in [
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".to_vec(),
            422,
            "SVG may hold scripts",
        ),
        ([png(9, 9), b"<script>".to_vec()].concat(), 422, "damaged"),
        (b"GIF89a".to_vec(), 422, "PNG or a JPEG"),
        (png(9000, 9000), 413, "8192 pixels"),
        (vec![0; (2 << 20) + 1], 413, "2 MiB"),
    ] {
        let reply = put_picture(&admin, &picture, None, bytes).await.expect(status);
        assert_eq!(reply.problem(), "no-picture");
        assert!(reply.text.contains(words), "{words}: {}", reply.text);
    }
    let plan = put_picture(&admin, &picture, None, png(640, 480)).await.expect(200);
    assert_eq!((&plan.json()["picture"]["width"], plan.header("etag")), (&json!(640), "\"1\""));
    let again = put_picture(&admin, &picture, None, png(640, 480)).await.expect(412);
    assert_eq!(again.problem(), "changed", "one that was not seen is not replaced");
    let given = admin.get(&picture).await.expect(200);
    assert_eq!(
        (given.header("content-type"), given.header("x-content-type-options")),
        ("image/png", "nosniff")
    );
    assert_eq!(given.bytes, png(640, 480));

    let spots = format!("{path}/spots");
    let spot = json!({"place": "", "building": "3", "x": 250, "y": 400});
    let wrong = json!({"spots": [spot, {"place": "", "building": "3", "x": 1001, "y": 0}]});
    let reply = admin.put(&spots, 1, wrong).await.expect(422);
    assert_eq!(reply.pointers(), ["/spots/1/x", "/spots/1/building"]);
    admin.put(&spots, 1, json!({"spots": [spot]})).await.expect(200);
    assert_eq!(admin.put(&spots, 1, json!({"spots": []})).await.expect(412).problem(), "changed");
    let part = json!({"latitude_e6": 24_479_800, "longitude_e6": 118_089_400, "zoom": 16});
    let far = json!({"latitude_e6": 99_000_000, "longitude_e6": 0, "zoom": 16});
    admin.put(&format!("{path}/map"), 2, far).await.expect(422);
    admin.put(&format!("{path}/map"), 2, part.clone()).await.expect(200);
    let plan = admin.get(&path).await.expect(200).json();
    assert_eq!((&plan["map"], &plan["picture"]), (&part, &Value::Null));
    assert_eq!(plan["spots"], json!([spot]), "buildings stay where they are");
    admin.get(&picture).await.expect(404);
    put_picture(&admin, &picture, Some("\"3\""), png(64, 48)).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200).json()["map"], Value::Null);

    let operator = api.token("desk", Scope::Operator).await;
    let operator = api.admin(&operator);
    operator.get(&path).await.expect(200);
    operator.delete(&path, 4).await.expect(403);
    admin.delete(&path, 3).await.expect(412);
    admin.delete(&path, 4).await.expect(204);
    admin.get(&path).await.expect(404);
    admin.delete(&path, 4).await.expect(404);
    put_picture(&admin, "/communities/99/plan/picture", None, png(9, 9)).await.expect(404);
}
