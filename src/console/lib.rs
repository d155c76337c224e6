//! The web console: pages for admins, duty workers, auditors and the wall, made of what the API answers.
//!
//! It is a client of the API within the process: it is given the API as a service, sends it requests with the secret of
//! the visitor's session and writes HTML of the JSON that comes back. So nothing can be done here that cannot be done
//! there, and rights are decided in one place. It must not know the store, the switchboard or a clock of its own.
//!
//! A request passes `guard` (origin, safe headers, bounds), `visit` (who it is, in which language) and one page. Pages
//! are links and forms first; `assets/console.js` only adds.

mod accounts;
mod alarm;
mod api;
mod assets;
mod audit;
mod board;
mod directory;
mod drills;
mod form;
mod frame;
mod guard;
mod health;
mod lang;
mod lines;
mod login;
mod map;
mod own;
mod paper;
mod policies;
mod prompts;
mod reports;
mod roster;
mod second_factor;
mod settings;
mod visit;
mod wall;
mod wall_clock;
mod webhooks;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod look;

pub use lang::Lang;
pub use map::{Tiles, TilesError};

use api::{Failure, Problem};
use axum::extract::{Request, State};
use axum::http::{Extensions, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};
use jiff::Timestamp;
use std::sync::Arc;
use tower::ServiceExt;
use visit::Visitor;

/// What the console needs beside the API.
#[derive(Clone)]
pub struct Settings {
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Hands what is known of the connection (where it comes from, whether it is encrypted) on to the API.
    pub carry: fn(&Extensions, &mut Extensions),
    /// Whether the visitor's browser speaks HTTPS with us or with a trusted proxy.
    pub is_https: fn(&Extensions) -> bool,
    /// Whether passwords may be asked for: nobody on the way reads along, or it was configured that this is well.
    pub is_guarded: Arc<dyn Fn(&Extensions) -> bool + Send + Sync>,
    /// The host that the browser asked for, as trusted proxies tell it.
    pub host: fn(&Extensions) -> Option<&str>,
    /// Where tiles of a map come from; none means that pages load nothing from elsewhere.
    pub tiles: Option<Tiles>,
}

/// What pages share.
#[derive(Clone)]
struct Console {
    api: Router,
    settings: Settings,
}

type Shared = Arc<Console>;

/// The console over the API.
pub fn router(api: Router, settings: Settings) -> Router {
    let policies = guard::Policies::new(settings.tiles.as_ref());
    let shared = Arc::new(Console { api, settings });
    Router::new()
        .merge(wall::routes())
        .merge(alarm::routes())
        .merge(login::routes())
        .merge(audit::routes())
        .merge(second_factor::routes())
        .merge(directory::routes())
        .merge(lines::routes())
        .merge(prompts::routes())
        .merge(accounts::routes())
        .merge(settings::routes())
        .merge(webhooks::routes())
        .merge(roster::routes())
        .merge(policies::routes())
        .merge(drills::routes())
        .merge(paper::routes())
        .merge(reports::routes())
        .merge(map::routes())
        .merge(health::routes())
        .route("/live", get(wall::live))
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), login::keep_language))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::protect))
        .merge(assets::routes())
        .layer(middleware::from_fn_with_state(policies, guard::safe_headers))
        .with_state(shared)
}

/// Nothing is there: a page for people, the API's own answer for programs.
async fn nowhere(State(shared): State<Shared>, visitor: Visitor, request: Request) -> Response {
    let accepts = request.headers().get(header::ACCEPT).map(|accepts| accepts.as_bytes());
    let is_person = accepts.is_some_and(|accepts| accepts.starts_with(b"text/html"));
    if is_person && !request.uri().path().starts_with("/api/") {
        let problem = Problem { status: 404, ..Problem::default() };
        return frame::failed(&visitor, &Failure::Problem(Box::new(problem)));
    }
    let Ok(response) = shared.api.clone().oneshot(request).await;
    response
}
