//! The body of a request: it has to be there in time, for one that comes a byte a minute would hold its connection, and
//! whoever waits for it, for ever. How long its client takes to send it is no fault of whoever handles it.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use hyper::body::Buf;
use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// How much of a body buys a second more, in bytes: a file of 16 MiB over a line of 256 kbit/s comes through.
const BYTES_A_SECOND: u64 = 32 * 1024;
/// How often it is looked at whether a handler works or waits for the body.
const LOOK: Duration = Duration::from_millis(100);

/// A body that ends with an error when it is late.
pub(crate) struct Timely<B> {
    body: B,
    time: Duration,
    /// Runs from the first look on, until all is there.
    until: Option<Pin<Box<Sleep>>>,
    /// What came since the deadline was put off the last time, in bytes.
    fresh: u64,
}

impl<B> Timely<B> {
    pub(crate) fn new(body: B, time: Duration) -> Self {
        Self { body, time, until: None, fresh: 0 }
    }
}

impl<B> Timely<B> {
    /// What has come puts the deadline off.
    fn took(&mut self, bytes: usize) {
        self.fresh = self.fresh.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let Some(until) = self.until.as_mut().filter(|_| BYTES_A_SECOND <= self.fresh) else {
            return;
        };
        let more = Duration::from_secs(self.fresh / BYTES_A_SECOND);
        self.fresh %= BYTES_A_SECOND;
        let deadline = until.deadline() + more;
        until.as_mut().reset(deadline);
    }
}

impl<B> HttpBody for Timely<B>
where
    B: HttpBody + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                let bytes = data.map(Buf::remaining).unwrap_or_default();
                self.took(bytes);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let time = self.time;
                let until = self.until.get_or_insert_with(|| Box::pin(sleep(time)));
                if until.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                metrics::counter!("lianfang_http_late_bodies_total").increment(1);
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ends the handling of a request after `longest`, not counting the time when it waits for the body: nothing is what it
/// answers then. How long a body may take is for the listener to bound, see [`Limits::body`](crate::Limits::body).
pub async fn within<F>(
    longest: Duration,
    request: Request,
    handle: impl FnOnce(Request) -> F,
) -> Option<Response>
where
    F: Future<Output = Response>,
{
    let waits = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::new(Awaited { body, waits: Arc::clone(&waits) }));
    let mut handling = pin!(handle(request));
    let mut left = longest;
    while !left.is_zero() {
        let look = left.min(LOOK);
        if let Ok(response) = timeout(look, &mut handling).await {
            return Some(response);
        }
        if !waits.load(Relaxed) {
            left -= look;
        }
    }
    None
}

/// A body that says when somebody waits for it.
struct Awaited {
    body: Body,
    waits: Arc<AtomicBool>,
}

impl HttpBody for Awaited {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.waits.store(polled.is_pending(), Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Awaited {
    /// Whoever gives up waits for nothing any more.
    fn drop(&mut self) {
        self.waits.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests;
