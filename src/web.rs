//! The admin API under `/api/v1`: the directory, the alarms, triggers by HTTP, health, metrics, and their description.
//!
//! A request passes `guard` (bounds, deadline, safe headers), `caller` (who it is), `extract` (what it says) and then
//! one handler; errors are written by `problem`. Every route is made together with its description, so that
//! `/api/v1/openapi.json` has all of them.
//!
//! Must not know SIP and must not decide about alarms: it hands triggers and actions to `ports`. Routes with rules of
//! their own, such as the signed status callbacks of an SMS provider, are merged beside this router:
//! `web::router(ports).merge(callbacks)`; none of the guards here applies to them.

mod accounts;
mod alarms;
mod audit;
mod board;
mod bulk;
mod caller;
mod cases;
mod changes;
mod deliveries;
mod desk;
mod door;
mod dossier;
mod drills;
mod duty;
mod extract;
mod feed;
mod groups;
mod guard;
mod health;
mod history;
mod idempotency;
mod imports;
mod line_status;
mod looks;
mod map;
mod nouns;
mod numbers;
mod openapi;
mod paper;
mod pins;
mod plans;
mod policies;
pub mod ports;
mod preview;
mod problem;
mod reach;
mod reachability;
mod reads;
mod recordings;
mod registrations;
mod reports;
mod responder;
mod search;
mod session;
mod sounds;
mod source;
mod timeline;
mod tokens;
mod triggers;
mod webhooks;
mod whatif;
mod who;
mod words;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router, middleware};
use ports::Ports;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

/// What handlers share.
type Web = Arc<Ports>;

/// Largest body, in bytes. A household with eight numbers has less than 2 KiB.
const BODY_MAX: usize = 1024 * 1024;
/// Requests at once. Each may hold one of a handful of connections to the database; more would only wait.
const REQUESTS_MAX: usize = 64;
/// Sign-ins at once, which wait for one of two places to hash a password: they must take none of the others' places.
const SIGN_INS_MAX: usize = 32;
/// Requests of people who are not signed in, at once: they must take none of the others' places.
const PUBLIC_MAX: usize = 8;
/// Pages of people who are called, at once. They have places of their own: neither people at desks nor anybody who has no
/// link may keep them from answering.
const PAGES_MAX: usize = 512;
/// Triggers at once, which have places of their own, so that nothing else can hold up an alarm.
const TRIGGERS_MAX: usize = 512;

/// The API, ready to be served.
pub fn router(ports: Ports) -> Router {
    let (routes, document) = described().split_for_parts();
    let document: Arc<str> = openapi::complete(document).into();
    let (clock, tasks) = (ports.clock.clone(), ports.tasks.clone());
    let feed = feed::Feed::start(&ports);
    let index = search::Index::start(&ports);
    let summaries = reachability::Summaries::start(&ports);
    let web: Web = Arc::new(ports);
    let keys = (Arc::clone(&web), idempotency::Answers::default());
    routes
        .merge(openapi::pages())
        .with_state(web)
        .layer(middleware::from_fn_with_state(keys, idempotency::once))
        .layer(Extension(openapi::Document(document)))
        .layer(Extension(caller::Remembered::default()))
        .layer(Extension(responder::Limits::default()))
        .layer(Extension(reads::Noted::default()))
        .layer(Extension(feed))
        .layer(Extension(session::Throttle::default()))
        .layer(Extension(session::hashing::Hashing::default()))
        .layer(Extension(index))
        .layer(Extension(summaries))
        .layer(Extension(board::Boards::default()))
        .layer(Extension(reports::Ledger::default()))
        .layer(Extension(imports::Imports::default()))
        .layer(Extension(audit::Verifications::default()))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(guard::REQUEST_MAX, guard::limit_time))
        .layer(CatchPanicLayer::custom(guard::on_panic))
        .layer(middleware::from_fn_with_state(tasks, guard::see_through))
        .layer(middleware::from_fn(guard::write_problems))
        .layer(middleware::from_fn_with_state(clock, guard::measure))
}

/// What people read and edit, in no hurry.
fn everyday() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .merge(nouns::routes())
        .merge(bulk::routes())
        .merge(groups::routes())
        .merge(history::routes())
        .merge(changes::routes())
        .merge(imports::routes())
        .merge(line_status::routes())
        .merge(looks::routes())
        .merge(map::routes())
        .merge(plans::routes())
        .merge(search::routes())
        .merge(numbers::routes())
        .merge(policies::routes())
        .merge(whatif::routes())
        .merge(pins::routes())
        .merge(alarms::routes())
        .merge(board::routes())
        .merge(desk::routes())
        .merge(audit::routes())
        .merge(cases::routes())
        .merge(dossier::routes())
        .merge(registrations::routes())
        .merge(recordings::routes())
        .merge(preview::routes())
        .merge(duty::routes())
        .merge(drills::routes())
        .merge(paper::routes())
        .merge(reachability::routes())
        .merge(accounts::routes())
        .merge(session::routes())
        .merge(tokens::routes())
        .merge(webhooks::routes())
        .merge(health::looks())
}

/// Every described route.
fn described() -> OpenApiRouter<Web> {
    let slots = || Arc::new(Semaphore::new(REQUESTS_MAX));
    let page_slots = Arc::new(Semaphore::new(PAGES_MAX));
    let trigger_slots = Arc::new(Semaphore::new(TRIGGERS_MAX));
    let api =
        everyday()
            .layer(middleware::from_fn_with_state(slots(), guard::limit_number))
            .merge(responder::routes().layer(middleware::from_fn_with_state(
                Arc::clone(&page_slots),
                guard::limit_number,
            )))
            .merge(session::sign_ins().layer(middleware::from_fn_with_state(
                Arc::new(Semaphore::new(SIGN_INS_MAX)),
                guard::limit_number,
            )))
            .merge(
                triggers::routes()
                    .layer(middleware::from_fn_with_state(trigger_slots, guard::limit_number)),
            )
            .layer(middleware::from_fn(guard::want_json))
            .merge(
                recordings::sounds()
                    .merge(imports::archives())
                    .merge(plans::pictures())
                    .merge(duty::calendars())
                    .merge(preview::sounds())
                    .merge(reports::routes())
                    .merge(feed::routes())
                    .layer(middleware::from_fn_with_state(slots(), guard::limit_number)),
            );
    let api = api.merge(
        reports::public()
            .layer(middleware::from_fn_with_state(
                Arc::new(Semaphore::new(PUBLIC_MAX)),
                guard::limit_number,
            ))
            .layer(middleware::from_fn(guard::want_json)),
    );
    let health =
        health::routes().layer(middleware::from_fn_with_state(slots(), guard::limit_number));
    OpenApiRouter::default().nest("/api/v1", api.merge(openapi::routes())).merge(health).merge(
        responder::pages().layer(middleware::from_fn_with_state(page_slots, guard::limit_number)),
    )
}
