//! The plan of a community: what is below its buildings, and the forms that say so. Buildings are placed by numbers, or by
//! a click on the picture, which is a button of the form and needs no script. With it, `assets/plan.js` lets them be dragged.

use super::tiles::{HEIGHT, Tile, Tiles, WIDTH};
use super::{Map, name_of, query};
use crate::Shared;
use crate::api::{Failure, Versioned};
use crate::directory::Crumb;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::{Signed, is_csrf};
use askama::Template;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Largest picture with what the form adds; the API takes 2 MiB.
const UPLOAD_MAX: usize = 3 * 1024 * 1024;
/// Buildings of a page of the form.
const ROWS: u32 = 40;
/// Width of the picture that is clicked on, in pixels.
const CLICKED: u32 = 800;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/map/{id}/plan", get(ask).post(upload))
        .route("/map/{id}/plan/part", post(part))
        .route("/map/{id}/plan/spots", post(spots))
        .route("/map/{id}/plan/remove", post(remove))
        .route("/map/{id}/picture", get(picture))
        .layer(DefaultBodyLimit::max(UPLOAD_MAX))
}

/// A plan, as the API tells it.
#[derive(Deserialize)]
pub(super) struct Plan {
    picture: Option<Picture>,
    map: Option<Part>,
    spots: Vec<Spot>,
    #[serde(skip)]
    etag: String,
}

#[derive(Deserialize)]
struct Picture {
    width: u32,
    height: u32,
    sha256: String,
}

#[derive(Deserialize)]
struct Part {
    latitude_e6: i32,
    longitude_e6: i32,
    zoom: u8,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
struct Spot {
    place: String,
    building: String,
    x: u16,
    y: u16,
}

/// What is drawn below buildings, in pixels of the drawing.
pub(super) struct Ground {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) picture: Option<String>,
    pub(super) tiles: Vec<Tile>,
    pub(super) credit: String,
}

impl Plan {
    /// What is below the buildings; nothing where it is a part of a map and no tiles are configured.
    pub(super) fn ground(&self, id: u64, tiles: Option<&Tiles>) -> Option<Ground> {
        if let Some(Picture { width, height, sha256 }) = &self.picture {
            let scaled = u64::from(*height) * u64::from(WIDTH) / u64::from((*width).max(1));
            // A picture that is very tall is shown as wide as it can be read.
            let height = u32::try_from(scaled).unwrap_or(u32::MAX).clamp(40, 4 * WIDTH);
            let picture =
                Some(format!("/map/{id}/picture?{}", sha256.get(..12).unwrap_or_default()));
            return Some(Ground {
                width: WIDTH,
                height,
                picture,
                tiles: Vec::new(),
                credit: String::new(),
            });
        }
        let (part, tiles) = (self.map.as_ref()?, tiles?);
        let degrees = |millionths: i32| f64::from(millionths) / 1e6;
        let middle = (degrees(part.latitude_e6), degrees(part.longitude_e6));
        Some(Ground {
            width: WIDTH,
            height: HEIGHT,
            picture: None,
            tiles: tiles.around(middle, part.zoom),
            credit: tiles.credit().to_owned(),
        })
    }

    /// Where buildings are, in thousandths.
    pub(super) fn spots(&self) -> BTreeMap<(&str, &str), (u16, u16)> {
        let spot = |spot: &'_ Spot| (spot.x, spot.y);
        self.spots.iter().map(|one| ((&*one.place, &*one.building), spot(one))).collect()
    }
}

impl Ground {
    /// A point in thousandths, in pixels of the drawing.
    pub(super) fn point(&self, (x, y): (u16, u16)) -> (u32, u32) {
        (u32::from(x) * self.width / 1000, u32::from(y) * self.height / 1000)
    }
}

/// The plan of a community, if it has one.
pub(super) async fn get_plan(signed: &Signed, id: u64) -> Result<Option<Plan>, Failure> {
    match signed.api().get_versioned::<Plan>(&format!("/communities/{id}/plan")).await {
        Ok(Versioned { row, etag }) => Ok(Some(Plan { etag, ..row })),
        Err(Failure::Problem(problem)) if problem.status == 404 => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[derive(Template)]
#[template(path = "map/plan.html")]
struct PlanPage {
    frame: Frame,
    l: Lang,
    id: u64,
    crumbs: Vec<Crumb>,
    form: Form,
    etag: String,
    ground: Option<Ground>,
    has_plan: bool,
    has_tiles: bool,
    /// The part of the map, as it is written.
    part: [String; 3],
    rows: Vec<RowInput>,
    earlier: Option<usize>,
    next: Option<usize>,
}

/// A building of the form.
struct RowInput {
    at: usize,
    name: String,
    place: String,
    building: String,
    x: String,
    y: String,
}

impl RowInput {
    /// Name, words and value of its two numbers.
    fn fields(&self, l: &Lang) -> [(String, &'static str, &str); 2] {
        [
            (format!("x.{}", self.at), l.t("从左", "From the left"), &self.x),
            (format!("y.{}", self.at), l.t("从上", "From the top"), &self.y),
        ]
    }
}

impl PlanPage {
    /// Name, words and value of what says which part of a map it is.
    fn part_fields(&self) -> [(&'static str, &'static str, &str); 3] {
        let [latitude, longitude, zoom] = &self.part;
        [
            ("latitude", self.l.t("纬度", "Latitude"), latitude),
            ("longitude", self.l.t("经度", "Longitude"), longitude),
            ("zoom", self.l.t("缩放（10 到 19）", "Zoom (10 to 19)"), zoom),
        ]
    }

    /// Whether there is a picture to click on, and to drag buildings on.
    fn is_clicked(&self) -> bool {
        let has_picture = self.ground.as_ref().is_some_and(|ground| ground.picture.is_some());
        has_picture && !self.rows.is_empty()
    }

    /// Width and height of the picture that is clicked on.
    fn clicked(&self) -> (u32, u32) {
        let height =
            self.ground.as_ref().map_or(0, |ground| ground.height * CLICKED / ground.width);
        (CLICKED, height)
    }
}

async fn plan_page(
    (shared, signed): (&Shared, &Signed),
    id: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Response> {
    let l = signed.lang();
    let asked = query(signed);
    let after: usize = asked.get("after").parse().unwrap_or_default();
    let plan = get_plan(signed, id).await.map_err(signed.fails())?;
    let path = format!("/communities/{id}/map?doors=false&after={after}&limit={ROWS}");
    let map: Map = signed.api().get(&path).await.map_err(signed.fails())?;
    let tiles = shared.settings.tiles.as_ref();
    let spots = plan.as_ref().map(Plan::spots).unwrap_or_default();
    let rows = map.items.iter().map(|one| {
        let spot = spots.get(&(one.place.as_str(), one.building.as_str()));
        let typed = |name: &str, known: Option<u16>| {
            let typed = form.get(&format!("{name}.{}", one.at));
            let known = known.map(|known| known.to_string()).unwrap_or_default();
            if typed.is_empty() || !form.is_wrong() { known } else { typed.to_owned() }
        };
        RowInput {
            at: one.at,
            name: name_of(&one.place, &one.building, l),
            place: one.place.clone(),
            building: one.building.clone(),
            x: typed("x", spot.map(|spot| spot.0)),
            y: typed("y", spot.map(|spot| spot.1)),
        }
    });
    let degrees = |millionths: i32| format!("{:.6}", f64::from(millionths) / 1e6);
    let part = plan.as_ref().and_then(|plan| plan.map.as_ref());
    let part = part
        .map(|part| [degrees(part.latitude_e6), degrees(part.longitude_e6), part.zoom.to_string()]);
    let typed = ["latitude", "longitude", "zoom"].map(|name| form.get(name).to_owned());
    let page = PlanPage {
        frame: Frame::signed(signed, l.t("平面图", "Plan")).await,
        l,
        id,
        crumbs: vec![
            ("/map".to_owned(), l.t("地图", "Map").to_owned()),
            (format!("/map/{id}"), map.community.clone()),
        ],
        etag: plan.as_ref().map(|plan| plan.etag.clone()).unwrap_or_default(),
        ground: plan.as_ref().and_then(|plan| plan.ground(id, tiles)),
        has_plan: plan.is_some(),
        has_tiles: tiles.is_some(),
        part: if typed.iter().any(|text| !text.is_empty()) {
            typed
        } else {
            part.unwrap_or_else(|| [String::new(), String::new(), "17".to_owned()])
        },
        rows: rows.collect(),
        earlier: (0 < after).then(|| after.saturating_sub(ROWS as usize)),
        next: map.next,
        form,
    };
    Ok(show(status, &page))
}

async fn ask(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
) -> Result<Response, Response> {
    plan_page((&shared, &signed), id, (Form::default(), StatusCode::OK)).await
}

/// What came of an edit: on to the page, or the form again with what is wrong.
async fn after(
    (shared, signed): (&Shared, &Signed),
    id: u64,
    (mut form, done): (Form, Result<Value, Failure>),
) -> Result<Response, Response> {
    let l = signed.lang();
    match done {
        Ok(_) => {
            let from = form.get("after").parse::<usize>().unwrap_or_default();
            Ok(go(&format!("/map/{id}/plan?after={from}"), "saved"))
        }
        Err(Failure::Problem(problem)) if problem.status == 412 => {
            let words = l.t(
                "别人刚刚改过平面图，还没有保存。请看一下现在的样子，再保存一次。",
                "Somebody else has just changed the plan; nothing is saved. Look at it as it is now and save again.",
            );
            form.problem = Some(words.to_owned());
            plan_page((shared, signed), id, (form, StatusCode::PRECONDITION_FAILED)).await
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 413 | 422) => {
            form.take(&problem, |pointer| match pointer {
                "/latitude_e6" => Some("latitude".to_owned()),
                "/longitude_e6" => Some("longitude".to_owned()),
                "/zoom" => Some("zoom".to_owned()),
                _ => None,
            });
            plan_page((shared, signed), id, (form, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

fn seen(form: &Form) -> Option<&str> {
    Some(form.get("etag")).filter(|etag| !etag.is_empty())
}

/// Takes a picture in.
async fn upload(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
    mut multipart: Multipart,
) -> Result<Response, Response> {
    let l = signed.lang();
    let (mut form, mut bytes) = (Form::default(), Bytes::new());
    let mut is_whole = true;
    loop {
        match multipart.next_field().await {
            Ok(None) => break,
            Ok(Some(field)) if field.name() == Some("picture") => match field.bytes().await {
                Ok(read) => bytes = read,
                Err(_) => is_whole = false,
            },
            Ok(Some(field)) => {
                let name = field.name().unwrap_or_default().to_owned();
                form.set(&name, field.text().await.unwrap_or_default());
            }
            Err(_) => is_whole = false,
        }
        if !is_whole {
            break;
        }
    }
    if !is_whole {
        form.blame("picture", l.t("图片最大 2 MiB。", "A picture has at most 2 MiB."));
        return plan_page((&shared, &signed), id, (form, StatusCode::PAYLOAD_TOO_LARGE)).await;
    }
    let secret = signed.visitor.secret.as_deref().unwrap_or_default();
    if !is_csrf(secret, form.get("csrf")) {
        return Err(StatusCode::FORBIDDEN.into_response());
    }
    if bytes.is_empty() {
        form.blame("picture", l.t("请选择图片。", "Please choose a picture."));
        return plan_page((&shared, &signed), id, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    }
    let path = format!("/communities/{id}/plan/picture");
    let sent = (Method::PUT, path.as_str());
    let done = signed.api().send_as(sent, "application/octet-stream", seen(&form), bytes).await;
    after((&shared, &signed), id, (form, done)).await
}

/// Takes a part of a map.
async fn part(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    for (name, most) in [("latitude", 85.0), ("longitude", 180.0), ("zoom", 19.0)] {
        let number = form.get(name).parse::<f64>().ok().filter(|number| number.abs() <= most);
        if number.is_none() {
            form.blame(
                name,
                l.t("请填写数字，如 24.4798。", "Please write a number, such as 24.4798."),
            );
        }
    }
    if form.is_wrong() {
        return plan_page((&shared, &signed), id, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    }
    let millionths = |name: &str| {
        let number: f64 = form.get(name).parse().unwrap_or_default();
        // Within what was checked above, so a 32-bit number has room for it.
        format!("{:.0}", number * 1e6).parse::<i32>().unwrap_or_default()
    };
    let zoom: u8 = form.get("zoom").parse().unwrap_or_default();
    let draft = json!({"latitude_e6": millionths("latitude"), "longitude_e6": millionths("longitude"), "zoom": zoom});
    let done = signed.api().put(&format!("/communities/{id}/plan/map"), seen(&form), &draft).await;
    after((&shared, &signed), id, (form, done)).await
}

/// Places buildings: those of the form by their numbers, or one by a click.
async fn spots(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let plan = get_plan(&signed, id).await.map_err(signed.fails())?;
    let Some(plan) = plan else { return Ok(go(&format!("/map/{id}/plan"), "saved")) };
    let tiles = shared.settings.tiles.as_ref();
    let spots = match plan.ground(id, tiles) {
        Some(ground) if !form.get("spot.x").is_empty() => clicked(&plan, &ground, &form),
        Some(_) | None => typed(&plan, &mut form, l),
    };
    let Some(spots) = spots else {
        return plan_page((&shared, &signed), id, (form, StatusCode::UNPROCESSABLE_ENTITY)).await;
    };
    let path = format!("/communities/{id}/plan/spots");
    let done = signed.api().put(&path, seen(&form), &json!({"spots": spots})).await;
    after((&shared, &signed), id, (form, done)).await
}

/// The buildings with one of them where somebody clicked.
fn clicked(plan: &Plan, ground: &Ground, form: &Form) -> Option<Vec<Spot>> {
    let at = form.get("at");
    let (place, building) = (form.get(&format!("place.{at}")), form.get(&format!("building.{at}")));
    let thousandth = |name: &str, of: u32| {
        let pixels: u32 = form.get(name).parse().ok()?;
        u16::try_from((u64::from(pixels) * 1000 / u64::from(of.max(1))).min(1000)).ok()
    };
    let height = ground.height * CLICKED / ground.width.max(1);
    let (x, y) = (thousandth("spot.x", CLICKED)?, thousandth("spot.y", height)?);
    let mut spots = plan.spots.clone();
    spots.retain(|spot| (spot.place.as_str(), spot.building.as_str()) != (place, building));
    spots.push(Spot { place: place.to_owned(), building: building.to_owned(), x, y });
    Some(spots)
}

/// The buildings with those of the form where their numbers say; one without numbers is not on the plan. `None` when a
/// number is none, which is said beside it.
fn typed(plan: &Plan, form: &mut Form, l: Lang) -> Option<Vec<Spot>> {
    let mut spots = plan.spots.clone();
    let rows: Vec<String> = form.all("row").map(str::to_owned).collect();
    for at in rows.iter().take(ROWS as usize) {
        let text = |name: &str| form.get(&format!("{name}.{at}")).to_owned();
        let (place, building, x, y) = (text("place"), text("building"), text("x"), text("y"));
        spots.retain(|spot| (&spot.place, &spot.building) != (&place, &building));
        if x.is_empty() && y.is_empty() {
            continue;
        }
        let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number <= 1000);
        for (name, text) in [("x", &x), ("y", &y)] {
            if number(text).is_none() {
                let words =
                    l.t("请填写 0 到 1000 的整数。", "Please write a whole number from 0 to 1000.");
                form.blame(&format!("{name}.{at}"), words);
            }
        }
        if let (Some(x), Some(y)) = (number(&x), number(&y)) {
            spots.push(Spot { place, building, x, y });
        }
    }
    (!form.is_wrong()).then_some(spots)
}

async fn remove(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let path = format!("/communities/{id}/plan");
    let done = signed.api().delete(&path, seen(&form)).await.map(|()| Value::Null);
    after((&shared, &signed), id, (form, done)).await
}

/// The picture, as the API gives it.
async fn picture(signed: Signed, Path(id): Path<u64>) -> Response {
    let path = format!("/communities/{id}/plan/picture");
    signed.api().raw(Method::GET, &path, "image/*", Body::empty()).await
}
