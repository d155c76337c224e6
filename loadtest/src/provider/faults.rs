//! What goes wrong at a provider, by chance and seed.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Shares of requests, 0 to 1, that go wrong.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Seed of the chance.
    pub seed: u64,
    /// 429 with Retry-After; nothing is taken.
    pub too_many: f64,
    /// 500; nothing is taken.
    pub fail_before: f64,
    /// 503, although the message was taken.
    pub fail_after: f64,
    /// The connection breaks in the answer, although the message was taken.
    pub drop: f64,
    /// Before every answer.
    #[serde(skip)]
    pub delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    TooMany,
    FailBefore,
    FailAfter,
    Drop,
}

#[derive(Debug)]
pub(super) struct Chance(fastrand::Rng);

impl Chance {
    pub(super) fn of(faults: &Faults) -> Self {
        Self(fastrand::Rng::with_seed(faults.seed))
    }

    pub(super) fn draw(&mut self, faults: &Faults) -> Fault {
        let mut left = self.0.f64();
        for (share, fault) in [
            (faults.too_many, Fault::TooMany),
            (faults.fail_before, Fault::FailBefore),
            (faults.fail_after, Fault::FailAfter),
            (faults.drop, Fault::Drop),
        ] {
            if left < share {
                return fault;
            }
            left -= share;
        }
        Fault::None
    }
}

/// An answer whose body breaks off: the server closes the connection.
pub(super) fn broken_answer() -> Response {
    (StatusCode::CREATED, Body::new(Broken)).into_response()
}

struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
    }
}
