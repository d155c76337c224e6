//! The web console: pages for admins, duty workers, auditors and the wall, made of what the API answers.
//!
//! It is a client of the API within the process: it is given the API as a service, sends it requests with the secret of
//! the visitor's session and writes HTML of the JSON that comes back. So nothing can be done here that cannot be done
//! there, and rights are decided in one place. It must not know the store, the switchboard or a clock of its own.
//!
//! A request passes `guard` (origin, safe headers, bounds), `visit` (who it is, in which language) and one page. Pages
//! are links and forms first; `assets/console.js` and `assets/plan.js` only add.

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
mod narrow;
mod own;
mod paper;
mod policies;
mod prompts;
mod question;
mod reports;
mod roster;
mod second_factor;
mod settings;
mod span;
mod visit;
mod wall;
mod wall_clock;
mod webhooks;

#[cfg(test)]
mod asks;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod look;
#[cfg(test)]
#[path = "parity/tests.rs"]
mod parity;

pub use lang::Lang;
pub use map::{Tiles, TilesError};

use api::{Failure, Problem};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
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
    let pages = Router::new()
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
        .route("/bar", get(wall::bar));
    let known: Router = pages.clone().with_state(Arc::clone(&shared));
    pages
        .method_not_allowed_fallback(move |State(shared): State<Shared>, request: Request| {
            to_page_above(known.clone(), shared, request)
        })
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), frame::keep_frame))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), login::keep_language))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::protect))
        .merge(assets::routes())
        .layer(middleware::from_fn_with_state(policies, guard::safe_headers))
        .with_state(shared)
}

/// An address that only takes forms is opened, as by Enter after a form was refused, or by the link to the other language:
/// the nearest page above it is shown.
async fn to_page_above(pages: Router, shared: Shared, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let mut path = parts.uri.path();
    while let Some((above, _)) = path.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
        let mut probe = Request::new(Body::empty());
        *probe.headers_mut() = parts.headers.clone();
        // What is known of the connection, and nothing of the route that was found first.
        (shared.settings.carry)(&parts.extensions, probe.extensions_mut());
        if let Ok(uri) = above.parse() {
            *probe.uri_mut() = uri;
            let Ok(found) = pages.clone().oneshot(probe).await;
            if found.status().is_success() || found.status().is_redirection() {
                return Redirect::to(visit::next_of(above)).into_response();
            }
        }
        path = above;
    }
    Redirect::to("/").into_response()
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
