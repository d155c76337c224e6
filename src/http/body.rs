//! The body of a request, which has to be there in time: one that comes a byte a minute would hold its connection, and
//! whoever waits for it, for ever.

use axum::body::HttpBody;
use http_body::{Frame, SizeHint};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// See the module.
pub(crate) struct Timely<B> {
    body: B,
    time: Duration,
    /// Runs from the first look on, until all is there.
    until: Option<Pin<Box<Sleep>>>,
}

impl<B> Timely<B> {
    pub(crate) fn new(body: B, time: Duration) -> Self {
        Self { body, time, until: None }
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
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
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
