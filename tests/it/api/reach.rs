//! Who may do what, and where: every route against a table of roles, and every object against accounts that do not reach
//! it. A route that is not in the table fails here.

use super::{Api, Client, Reply};
use axum::http::Method;
use lianfang::store::accounts::{AccountDraft, Role};
use lianfang::store::alarm_log::{NewEvents, OpenedAlarm};
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::alarm::{Event, Proof, Trigger, TriggerSource};
use lianfang_domain::id::{
    AlarmId, CommunityId, GridId, GroupId, HouseholdId, LineId, StreetId, WorkerId,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Nouns of the directory; read by operators, edited by those who stand there.
const NOUNS: [(&str, &str); 16] = [
    ("streets", "A"),
    ("communities", "A"),
    ("grids", "A"),
    ("groups", "A"),
    ("households", "A"),
    ("lines", "A"),
    ("workers", "A"),
    ("responders", "A"),
    ("policies", "A"),
    ("posts", "A"),
    ("rotations", "A"),
    ("shifts", "A"),
    ("contacts", "AO"),
    ("overrides", "AO"),
    ("swaps", "AO"),
    ("absences", "AO"),
];

/// Nouns without personal data of residents: auditors read them, too.
const OPEN_NOUNS: [&str; 10] = [
    "communities",
    "grids",
    "groups",
    "policies",
    "posts",
    "rotations",
    "shifts",
    "overrides",
    "swaps",
    "absences",
];

/// Who may: **A**dmins, **O**perators, a**U**ditors, **R**esponders; `*` for everybody, signed in or not.
const ROUTES: &str = "
    get    /api/v1/openapi.json                                       *
    get    /healthz                                                   *
    get    /readyz                                                    *
    get    /metrics                                                   AO
    get    /api/v1/responder/{token}                                  *
    post   /api/v1/responder/{token}/answer                           *
    post   /api/v1/triggers                                           AO
    post   /api/v1/session                                            *
    get    /api/v1/session                                            AOUR
    delete /api/v1/session                                            AOUR
    put    /api/v1/session/password                                   AOUR
    post   /api/v1/session/totp                                       AOUR
    put    /api/v1/session/totp                                       AOUR
    delete /api/v1/session/totp                                       AOUR
    get    /api/v1/health                                             AO
    get    /api/v1/session/alarms                                     AOR
    put    /api/v1/session/language                                   AOUR
    get    /api/v1/sessions                                           AOUR
    delete /api/v1/sessions                                           AOUR
    delete /api/v1/sessions/{session}                                 AOUR
    get    /api/v1/accounts                                           A
    post   /api/v1/accounts                                           A
    get    /api/v1/accounts/{id}                                      A
    put    /api/v1/accounts/{id}                                      A
    delete /api/v1/accounts/{id}                                      A
    post   /api/v1/accounts/{id}/password-reset                       A
    delete /api/v1/accounts/{id}/totp                                 A
    get    /api/v1/accounts/{id}/sessions                             A
    delete /api/v1/accounts/{id}/sessions                             A
    delete /api/v1/accounts/{id}/sessions/{session}                   A
    get    /api/v1/tokens                                             A
    post   /api/v1/tokens                                             A
    delete /api/v1/tokens/{id}                                        A
    post   /api/v1/bulk                                               AO
    get    /api/v1/webhooks                                           A
    post   /api/v1/webhooks                                           A
    get    /api/v1/webhooks/{id}                                      A
    put    /api/v1/webhooks/{id}                                      A
    delete /api/v1/webhooks/{id}                                      A
    post   /api/v1/webhooks/{id}/rotate-secret                        A
    post   /api/v1/webhooks/{id}/ping                                 A
    get    /api/v1/webhooks/{id}/deliveries                           A
    post   /api/v1/webhooks/{id}/deliveries/{delivery}/redeliver      A
    delete /api/v1/webhooks/{id}/deliveries/{delivery}                A
    post   /api/v1/webhooks/{id}/dead-letters/redeliver               A
    delete /api/v1/webhooks/{id}/dead-letters                         A
    get    /api/v1/alarms                                             AOU
    get    /api/v1/alarms/feed                                        AO
    get    /api/v1/alarms/board                                       AO
    get    /api/v1/alarms/cards                                       AOU
    get    /api/v1/state                                              AOU
    get    /api/v1/alarms/{id}                                        AOU
    post   /api/v1/alarms/{id}/acknowledge                            AO
    post   /api/v1/alarms/{id}/arrive                                 AO
    post   /api/v1/alarms/{id}/cancel                                 AO
    post   /api/v1/alarms/{id}/close                                  AO
    post   /api/v1/alarms/{id}/kind                                   AO
    post   /api/v1/alarms/{id}/notes                                  AO
    post   /api/v1/alarms/{id}/owner                                  AO
    post   /api/v1/alarms/{id}/follow-up                              AO
    post   /api/v1/alarms/{id}/call-again                             AO
    post   /api/v1/alarms/{id}/take                                   AO
    post   /api/v1/alarms/{id}/parties                                AO
    get    /api/v1/alarms/{id}/candidates                             AO
    get    /api/v1/alarms/{id}/dossier                                AU
    get    /api/v1/alarms/{id}/dossier.html                           AU
    get    /api/v1/cases                                              AO
    get    /api/v1/audit                                              AU
    get    /api/v1/audit/actors                                       AU
    get    /api/v1/audit/head                                         AU
    get    /api/v1/audit/verification                                 AU
    post   /api/v1/audit/verification                                 AU
    delete /api/v1/audit/verification                                 AU
    get    /api/v1/drills                                             AOU
    post   /api/v1/drills                                             A
    post   /api/v1/drills/preview                                     A
    get    /api/v1/drills/{id}                                        AOU
    get    /api/v1/drills/{id}/report                                 AOU
    post   /api/v1/drills/{id}/cancel                                 AO
    get    /api/v1/calendars/{year}                                   AOU
    post   /api/v1/paper                                              AO
    get    /api/v1/reports/alarms                                     AOU
    get    /api/v1/reports/alarms.csv                                 AOU
    get    /api/v1/reports/communities                                AOU
    get    /api/v1/reports/communities.csv                            AOU
    get    /api/v1/public/communities                                 *
    get    /api/v1/public/communities/{id}                            *
    put    /api/v1/calendars/{year}                                   A
    get    /api/v1/communities/{id}/duty                              AOU
    post   /api/v1/communities/{id}/duty/{post}/take-over             AO
    get    /api/v1/communities/{id}/roster                            AOU
    get    /api/v1/communities/{id}/roster.ics                        AOU
    get    /api/v1/communities/{id}/roster/findings                   AOU
    get    /api/v1/groups/{id}/doors                                  AO
    get    /api/v1/groups/{id}/checks                                 AO
    get    /api/v1/communities/{id}/checks                            AO
    post   /api/v1/communities/{id}/groups/proposal                   AO
    put    /api/v1/communities/{id}/groups                            A
    get    /api/v1/communities/{id}/map                               AO
    get    /api/v1/communities/{id}/plan                              AO
    delete /api/v1/communities/{id}/plan                              A
    get    /api/v1/communities/{id}/plan/picture                      AO
    put    /api/v1/communities/{id}/plan/picture                      A
    put    /api/v1/communities/{id}/plan/map                          A
    put    /api/v1/communities/{id}/plan/spots                        A
    get    /api/v1/search                                             AO
    get    /api/v1/numbers                                            AO
    get    /api/v1/lines/status                                       AO
    get    /api/v1/lines/{id}/status                                  AO
    post   /api/v1/lines/{id}/reads                                   AO
    post   /api/v1/contacts/{id}/reads                                AO
    post   /api/v1/workers/{id}/reads                                 AO
    post   /api/v1/responders/{id}/reads                              AO
    get    /api/v1/history                                            AO
    post   /api/v1/history/{id}/undo                                  AO
    get    /api/v1/history/changes                                    A
    post   /api/v1/history/changes/{id}/undo                          A
    post   /api/v1/imports                                            A
    get    /api/v1/imports/{id}                                       A
    delete /api/v1/imports/{id}                                       A
    post   /api/v1/imports/{id}/apply                                 A
    get    /api/v1/export                                             A
    get    /api/v1/reachability                                       AO
    get    /api/v1/communities/{id}/reachability                      AO
    get    /api/v1/contacts/{id}/reachability                         AO
    get    /api/v1/workers/{id}/reachability                          AO
    get    /api/v1/responders/{id}/reachability                       AO
    post   /api/v1/contacts/{id}/visits                               AO
    post   /api/v1/workers/{id}/visits                                AO
    post   /api/v1/responders/{id}/visits                             AO
    get    /api/v1/workers/{id}/roster.ics                            AOR
    put    /api/v1/workers/{id}/pin                                   A
    put    /api/v1/households/{id}/pins                               A
    post   /api/v1/swaps/{id}/agree                                   AOR
    post   /api/v1/swaps/{id}/withdraw                                AOR
    get    /api/v1/lines/{id}/preview                                 AO
    get    /api/v1/lines/{id}/preview.wav                             AO
    get    /api/v1/lines/{id}/registration                            AO
    get    /api/v1/lines/{id}/what-if                                 AO
    post   /api/v1/lines/{id}/what-if                                 A
    post   /api/v1/policies/check                                     A
    get    /api/v1/policies/{id}/report                               AOU
    get    /api/v1/policies/{id}/versions                             AOU
    get    /api/v1/policies/{id}/versions/{version}                   AOU
    get    /api/v1/households/{id}/recordings                         AO
    get    /api/v1/communities/{id}/recordings                        AO
    put    /api/v1/communities/{id}/recordings/order                  A
    get    /api/v1/communities/{id}/recordings/{language}/{clip}      AO
    get    /api/v1/communities/{id}/recordings/{language}/{clip}/sound AO
    put    /api/v1/communities/{id}/recordings/{language}/{clip}      A
    delete /api/v1/communities/{id}/recordings/{language}/{clip}      A
    get    /api/v1/communities/{id}/recordings/{language}/{clip}/versions/{version}          AO
    delete /api/v1/communities/{id}/recordings/{language}/{clip}/versions/{version}          A
    post   /api/v1/communities/{id}/recordings/{language}/{clip}/versions/{version}/restore  A
";

/// Who may, by method and path.
fn table() -> BTreeMap<(String, String), String> {
    let mut table = BTreeMap::new();
    for line in ROUTES.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut next = || words.next().expect("three words");
        table.insert((next(), next()), next());
    }
    for (noun, editors) in NOUNS {
        let readers = if OPEN_NOUNS.contains(&noun) { "AOU" } else { "AO" };
        let all = format!("/api/v1/{noun}");
        let one = format!("{all}/{{id}}");
        for (method, path, who) in [
            ("get", &all, readers),
            ("post", &all, editors),
            ("get", &one, readers),
            ("put", &one, editors),
            ("delete", &one, editors),
        ] {
            table.insert((method.to_owned(), path.clone()), who.to_owned());
        }
    }
    table
}

/// Every method and path that is described.
async fn described(api: &Api) -> Vec<(String, String)> {
    let document = api.call(Method::GET, "/api/v1/openapi.json").send().await.expect(200).json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
        routes.extend(methods.map(|method| (method.to_owned(), path.clone())));
    }
    routes
}

fn method_of(name: &str) -> Method {
    Method::from_bytes(name.to_uppercase().as_bytes()).expect("a method")
}

#[tokio::test]
async fn every_route_is_for_the_roles_of_the_table() {
    let api = Api::new().await;
    let table = table();
    let routes = described(&api).await;
    for known in table.keys() {
        assert!(routes.contains(known), "{known:?} is in the table and not described");
    }
    let roles =
        [('A', Role::Admin), ('O', Role::Operator), ('U', Role::Auditor), ('R', Role::Responder)];
    let mut people = 0;
    for route in routes {
        let who =
            table.get(&route).unwrap_or_else(|| panic!("who may {route:?}? Say it in the table"));
        let (method, path) = route;
        let path = ["{id}", "{version}", "{session}", "{token}", "{delivery}"]
            .iter()
            .fold(path, |path, id| path.replace(id, "999999"));
        let path = path
            .replace("{year}", "2026")
            .replace("{post}", "1")
            .replace("{language}", "nan")
            .replace("{clip}", "alarm");
        // One that is let in would be told for ever.
        let path = path.replace("/feed", "/feed?no=1");
        let call =
            || api.call(method_of(&method), &path).header("if-match", "\"1\"").json(&json!({}));
        let nobody = call().send().await;
        assert_eq!(nobody.status == 401, who != "*", "nobody: {method} {path}: {}", nobody.text);
        for (letter, role) in roles {
            // Some of them end the session.
            people += 1;
            let name = format!("p{people}");
            let person = api.person(&name, role, Reach::Everything).await;
            let bearer = format!("Bearer {}", person.secret());
            let reply = call().header("authorization", &bearer).send().await;
            let is_refused = reply.status == 403 && reply.problem() == "forbidden";
            let may = who == "*" || who.contains(letter);
            assert_eq!(!is_refused, may, "{letter} {method} {path}: {}", reply.text);
            assert_ne!((reply.status.as_u16(), who == "*"), (401, false), "{method} {path}");
        }
    }
}

/// A town with one of everything, and the drafts that it was made of.
struct Place {
    ids: BTreeMap<&'static str, u64>,
    drafts: BTreeMap<&'static str, Value>,
    alarm: AlarmId,
    drill: u64,
}

impl Place {
    fn id(&self, noun: &str) -> u32 {
        u32::try_from(self.ids[noun]).expect("small")
    }

    #[expect(clippy::too_many_lines, reason = "one of everything")]
    async fn new(admin: &Client<'_>, api: &Api, number: u64) -> Self {
        let mut place = Self {
            ids: BTreeMap::new(),
            drafts: BTreeMap::new(),
            alarm: AlarmId(number << 40),
            drill: 0,
        };
        let name = format!("第{number}处");
        let made = &mut place;
        made.make(admin, "streets", json!({"name": name})).await;
        made.make(
            admin,
            "communities",
            json!({"street_id": made.ids["streets"], "name": name, "area_code": "0592"}),
        )
        .await;
        let community = made.ids["communities"];
        made.make(admin, "grids", json!({"community_id": community, "name": "1"})).await;
        made.make(admin, "groups", json!({"grid_id": made.ids["grids"], "name": "1"})).await;
        made.make(
            admin,
            "households",
            json!({"group_id": made.ids["groups"], "name": "陈阿姨", "door": "502"}),
        )
        .await;
        let household = made.ids["households"];
        made.make(admin, "lines", json!({"household_id": household, "number": format!("555123{number}"), "account": format!("100{number}")})).await;
        let numbers = json!([{"number": format!("1380000111{number}")}]);
        made.make(
            admin,
            "contacts",
            json!({"household_id": household, "name": "陈阿姨", "numbers": numbers}),
        )
        .await;
        let other = json!({"community_id": community, "name": "王芳", "numbers": [{"number": format!("1390000333{number}")}]});
        let other = admin.create("/workers", other).await;
        let numbers = json!([{"number": format!("1390000222{number}")}]);
        made.make(admin, "workers", json!({"community_id": community, "name": "李强", "is_on_duty": true, "numbers": numbers})).await;
        let worker = made.ids["workers"];
        let numbers = json!([{"number": format!("1391111222{number}")}]);
        made.make(admin, "responders", json!({"community_id": community, "name": "巡逻队", "kind": "patrol", "numbers": numbers})).await;
        made.make(admin, "posts", json!({"community_id": community, "code": "A", "name": "A岗"}))
            .await;
        let post = made.ids["posts"];
        made.make(
            admin,
            "shifts",
            json!({"community_id": community, "post_id": post, "worker_ids": [worker],
            "starts": "00:00", "ends": "00:00", "days_later": 1}),
        )
        .await;
        made.make(
            admin,
            "rotations",
            json!({"community_id": community, "name": "轮班", "worker_ids": [worker, other],
            "every": 1, "unit": "days", "anchor": "2026-11-22"}),
        )
        .await;
        let (from, to) = ("2026-11-24T00:00:00Z", "2026-11-24T04:00:00Z");
        made.make(
            admin,
            "overrides",
            json!({"community_id": community, "post_id": post, "worker_id": other,
            "from": from, "to": to}),
        )
        .await;
        made.make(
            admin,
            "absences",
            json!({"community_id": community, "worker_id": worker, "stand_in_id": other,
            "from": "2026-12-24T00:00:00Z", "to": "2026-12-25T00:00:00Z"}),
        )
        .await;
        let gives =
            json!({"post_id": post, "from": "2026-11-23T00:00:00Z", "to": "2026-11-23T12:00:00Z"});
        made.make(admin, "swaps", json!({"community_id": community, "proposer_id": worker, "other_id": other, "gives": gives})).await;
        let document = json!({"name": "火警", "kinds": ["fire"], "steps": [{"targets": [{"post": {"code": "A"}}, "group"]}]});
        made.make(admin, "policies", json!({"community_id": community, "document": document}))
            .await;
        let drill = json!({"community_id": community, "per_group": 1, "starts_at": "2026-11-22T10:00:00+08:00",
            "ends_at": "2026-11-22T11:00:00+08:00", "hours": [{"from": "09:30", "until": "11:00"}]});
        place.drill = admin.create("/drills", drill.clone()).await;
        place.drafts.insert("drills", drill);
        let path = format!("/communities/{community}/plan/picture");
        let picture = admin.call(Method::PUT, &path).body(super::map::png(64, 48).into());
        picture.send().await.expect(200);
        place.raise(api).await;
        place
    }

    async fn make(&mut self, admin: &Client<'_>, noun: &'static str, draft: Value) {
        let id = admin.create(&format!("/{noun}"), draft.clone()).await;
        self.ids.insert(noun, id);
        self.drafts.insert(noun, draft);
    }

    async fn raise(&self, api: &Api) {
        let line = LineId(self.id("lines"));
        let trigger = Trigger {
            line,
            household: HouseholdId(self.id("households")),
            group: GroupId(self.id("groups")),
            code: "#9".into(),
            source: TriggerSource::Dialled,
            proof: Proof::Digest,
            idempotency_key: format!("call-{}", self.alarm).into(),
        };
        let opened = OpenedAlarm {
            line,
            idempotency_key: trigger.idempotency_key.clone(),
            follows: None,
            raised: api.clock.now(),
        };
        let batch = NewEvents {
            alarm: self.alarm,
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

    /// The path with the ids of this place; `None` where it is about nothing of a place.
    fn path(&self, path: &str) -> Option<String> {
        let noun = path.strip_prefix("/api/v1/")?.split('/').next()?;
        let id = match noun {
            "alarms" => self.alarm.to_string(),
            "drills" => self.drill.to_string(),
            noun => self.ids.get(noun)?.to_string(),
        };
        let path = path.contains("{id}").then(|| path.replace("{id}", &id))?;
        let path = path.replace("{version}", "1").replace("{language}", "nan");
        Some(path.replace("{clip}", "alarm"))
    }

    /// A body that the route would take.
    fn body(&self, path: &str) -> Value {
        let noun = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "acknowledge" | "arrive" | "owner" => json!({"party": 0}),
            "close" => json!({"outcome": "genuine"}),
            "kind" => json!({"kind": "fire"}),
            "notes" => json!({"text": "x"}),
            "follow-up" => json!({"kind": "call"}),
            "pins" => json!({"cancel": "4821"}),
            "pin" => json!({"pin": "4821"}),
            "agree" | "withdraw" => json!({"worker_id": self.ids["workers"]}),
            "visits" => json!({}),
            "groups" if path.contains("communities") => {
                let household = json!({"id": self.ids["households"], "version": 1});
                json!({"groups": [{"group_id": self.ids["groups"], "grid_id": self.ids["grids"], "name": "x", "households": [household]}]})
            }
            "what-if" => self.drafts["policies"].clone(),
            "order" => json!({"languages": []}),
            "map" => json!({"latitude_e6": 24_480_000, "longitude_e6": 118_090_000, "zoom": 17}),
            "spots" => json!({"spots": []}),
            _ => self.drafts.get(noun).cloned().unwrap_or_else(|| json!({})),
        }
    }
}

async fn send(client: &Client<'_>, method: &str, path: &str, body: &Value) -> Reply {
    let path = path.trim_start_matches("/api/v1");
    let call = client.call(method_of(method), path).header("if-match", "\"1\"");
    let is_sound = method == "put" && path.contains("/nan/");
    if is_sound {
        return call.header("content-type", "audio/wav").body(b"RIFF".to_vec().into()).send().await;
    }
    call.json(body).send().await
}

#[tokio::test]
async fn what_is_elsewhere_is_not_there() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let here = Place::new(&root, &api, 1).await;
    let there = Place::new(&root, &api, 2).await;
    let reaches = [
        Reach::Street(StreetId(here.id("streets"))),
        Reach::Community(CommunityId(here.id("communities"))),
        Reach::Grid(GridId(here.id("grids"))),
    ];
    let mut people = Vec::new();
    for (index, reach) in reaches.into_iter().enumerate() {
        for role in [Role::Admin, Role::Operator, Role::Auditor] {
            let name = format!("{}{index}", role.name());
            people.push((name.clone(), api.person(&name, role, reach).await));
        }
    }
    let own = api.person("own", Role::Admin, Reach::Street(StreetId(there.id("streets")))).await;
    let mut looked = 0;
    for (method, path) in described(&api).await {
        let Some(full) = there.path(&path) else { continue };
        let body = there.body(&path);
        for (name, person) in &people {
            let reply = send(person, &method, &full, &body).await;
            let is_shut = matches!(reply.status.as_u16(), 403 | 404);
            assert!(is_shut, "{name}: {method} {full}: {} {}", reply.status, reply.text);
            assert_ne!(reply.problem(), "no-path", "{method} {full}");
            looked += 1;
        }
        // Whose it is sees it: the test looks at what is there.
        if method == "get" && !path.contains("/versions/{version}") {
            let reply = send(&own, &method, &full, &body).await;
            assert_eq!(reply.status, 200, "{method} {full}: {}", reply.text);
        }
    }
    assert!(600 < looked, "{looked}");
    assert!(api.switchboard.actions.lock().expect("no panic").is_empty(), "nothing was done");
    for (noun, _) in NOUNS {
        let path = format!("/{noun}/{}", there.ids[noun]);
        assert_eq!(root.get(&path).await.expect(200).json()["version"], json!(1), "{noun} stays");
    }
}

fn ids(reply: Reply) -> Vec<Value> {
    let page = reply.expect(200).json();
    page["items"].as_array().expect("a list").iter().map(|item| item["id"].clone()).collect()
}

#[tokio::test]
async fn lists_have_what_is_within_and_what_it_stands_on() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let here = Place::new(&root, &api, 1).await;
    let there = Place::new(&root, &api, 2).await;
    let grid = json!({"community_id": here.ids["communities"], "name": "2"});
    let second = root.create("/grids", grid).await;
    for (name, reach) in [
        ("s", Reach::Street(StreetId(here.id("streets")))),
        ("c", Reach::Community(CommunityId(here.id("communities")))),
        ("g", Reach::Grid(GridId(here.id("grids")))),
    ] {
        let admin = api.person(&format!("admin-{name}"), Role::Admin, reach).await;
        for (noun, _) in NOUNS {
            let listed = ids(admin.get(&format!("/{noun}")).await);
            assert!(listed.contains(&json!(here.ids[noun])), "{name} {noun}: {listed:?}");
            assert!(!listed.contains(&json!(there.ids[noun])), "{name} {noun}: {listed:?}");
        }
        let alarms = ids(admin.get("/alarms?limit=1").await);
        assert_eq!(alarms, [json!(here.alarm.to_string())], "{name}");
        assert_eq!(ids(admin.get("/drills").await), [json!(here.drill)], "{name}");
        let entries = admin.get("/audit?chain=directory&limit=500").await.expect(200).json();
        let entries = entries["items"].as_array().expect("entries").clone();
        let has = |noun: &str, id: u64| {
            entries
                .iter()
                .any(|entry| entry["noun"] == noun && entry["id"] == json!(id.to_string()))
        };
        assert!(has("line", here.ids["lines"]) && !has("line", there.ids["lines"]), "{name}");
        assert!(!entries.iter().any(|entry| entry["noun"] == "api_token"), "{name}");
        let entries = admin.get("/audit?chain=alarms").await.expect(200).json();
        let of = |alarm: AlarmId| {
            let id = json!(alarm.to_string());
            entries["items"].as_array().expect("entries").iter().any(|entry| entry["id"] == id)
        };
        assert!(of(here.alarm) && !of(there.alarm), "{name}");
        let grids = ids(admin.get("/grids").await);
        assert_eq!(grids.contains(&json!(second)), name != "g", "{name}: {grids:?}");
    }
}

#[tokio::test]
async fn what_is_seen_is_not_always_changed() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let here = Place::new(&root, &api, 1).await;
    let there = Place::new(&root, &api, 2).await;
    let grid = Reach::Grid(GridId(here.id("grids")));
    let admin = api.person("grid-admin", Role::Admin, grid).await;
    for noun in ["streets", "communities", "workers", "policies", "posts", "shifts", "absences"] {
        let path = format!("/{noun}/{}", here.ids[noun]);
        admin.get(&path).await.expect(200);
        let reply = admin.put(&path, 1, here.drafts[noun].clone()).await.expect(403);
        assert_eq!(reply.problem(), "out-of-reach", "{noun}");
    }
    let contact = format!("/contacts/{}", here.ids["contacts"]);
    admin.put(&contact, 1, here.drafts["contacts"].clone()).await.expect(200);
    // Nothing is made elsewhere, nor moved there.
    for (noun, pointer) in
        [("contacts", "/household_id"), ("households", "/group_id"), ("grids", "/community_id")]
    {
        let reply = admin.post(&format!("/{noun}"), there.drafts[noun].clone()).await.expect(422);
        assert_eq!(reply.pointers(), [pointer], "{noun}");
    }
    let moved = admin.put(&contact, 2, there.drafts["contacts"].clone()).await.expect(422);
    assert_eq!(moved.pointers(), ["/household_id"]);
    admin.post("/streets", json!({"name": "新街道"})).await.expect(403);
    let reply = admin.post("/drills", there.drafts["drills"].clone()).await.expect(422);
    assert_eq!(reply.pointers(), ["/community_id"]);
    admin.put("/calendars/2027", 1, json!({"days": []})).await.expect(403);
    admin.get("/calendars/2027").await.expect(200);
    // A press is raised on own lines only.
    let operator = api.person("desk", Role::Operator, grid).await;
    let press = async |account: &str| {
        let call = operator.call(Method::POST, "/triggers").header("idempotency-key", account);
        call.json(&json!({"account": account, "code": "#9"})).send().await
    };
    press("1001").await.expect(201);
    assert_eq!(press("1002").await.expect(404).problem(), "unknown-line");
}

#[tokio::test]
async fn who_keeps_accounts_gives_nobody_more_than_they_have() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let here = Place::new(&root, &api, 1).await;
    let there = Place::new(&root, &api, 2).await;
    let community = |place: &Place| json!({"kind": "community", "id": place.ids["communities"]});
    let draft = |name: &str, reach: &Value| json!({"name": name, "display_name": name, "role": "operator", "reach": reach});
    let elsewhere = root.create("/accounts", draft("elsewhere", &community(&there))).await;
    let street = Reach::Street(StreetId(here.id("streets")));
    let admin = api.person("street-admin", Role::Admin, street).await;
    let made = admin.create("/accounts", draft("desk", &community(&here))).await;
    for reach in
        [json!({"kind": "everything"}), community(&there), json!({"kind": "grid", "id": 999})]
    {
        let reply = admin.post("/accounts", draft("x1", &reach)).await.expect(422);
        assert_eq!(reply.pointers(), ["/reach"], "{reach}");
        let path = format!("/accounts/{made}");
        let reply = admin.put(&path, 1, draft("desk", &reach)).await.expect(422);
        assert_eq!(reply.pointers(), ["/reach"], "{reach}");
    }
    let listed = admin.get("/accounts").await.expect(200).json();
    let names: Vec<&Value> = listed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|account| &account["name"])
        .collect();
    assert_eq!(names, [&json!("street-admin"), &json!("desk")]);
    let path = format!("/accounts/{elsewhere}");
    admin.get(&path).await.expect(404);
    admin.put(&path, 1, draft("elsewhere", &community(&here))).await.expect(404);
    admin.delete(&path, 1).await.expect(404);
    admin.post(&format!("{path}/password-reset"), json!({})).await.expect(404);
    for rest in ["totp", "sessions", "sessions/1"] {
        admin.call(Method::DELETE, &format!("{path}/{rest}")).send().await.expect(404);
    }
    admin.get(&format!("{path}/sessions")).await.expect(404);
    // Tokens reach everything.
    admin.get("/tokens").await.expect(403);
    admin.post("/tokens", json!({"name": "x", "scope": "admin"})).await.expect(403);
    admin.call(Method::DELETE, "/tokens/1").send().await.expect(403);
}

#[tokio::test]
async fn a_responder_sees_what_concerns_them() {
    let api = Api::new().await;
    let root = api.admin(&api.token("root", Scope::Admin).await);
    let here = Place::new(&root, &api, 1).await;
    let worker = WorkerId(here.id("workers"));
    let draft = AccountDraft {
        name: "liqiang".to_owned(),
        display_name: "李强".to_owned(),
        role: Role::Responder,
        reach: Reach::Community(CommunityId(here.id("communities"))),
        worker_id: Some(worker),
        responder_id: None,
        language: None,
        is_disabled: false,
        password: None,
    };
    let own = api.person_of(&draft).await;
    own.get(&format!("/workers/{worker}/roster.ics")).await.expect(200);
    let other = here.ids["workers"] - 1;
    own.get(&format!("/workers/{other}/roster.ics")).await.expect(404);
    let swap = format!("/swaps/{}/withdraw", here.ids["swaps"]);
    own.post(&swap, json!({"worker_id": other})).await.expect(404);
    own.post(&swap, json!({"worker_id": worker.0})).await.expect(200);
    assert_eq!(own.get("/session/alarms").await.expect(200).json(), json!({"items": []}));
    super::alarms::record_open(&api, AlarmId(77 << 40), worker).await;
    let listed = own.get("/session/alarms").await.expect(200).json();
    let id = AlarmId(77 << 40).to_string();
    assert_eq!(listed["items"][0]["id"], json!(id));
    assert_eq!(listed["items"][0]["page"], json!(format!("/r/{id}-0")));
    let nobody = AccountDraft { name: "nobody".to_owned(), worker_id: None, ..draft };
    let nobody = api.person_of(&nobody).await;
    assert_eq!(nobody.get("/session/alarms").await.expect(200).json(), json!({"items": []}));
}
