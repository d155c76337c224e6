use super::*;
use axum::body::{Bytes, to_bytes};
use std::task::ready;
use tokio::time::Instant;

/// A body of so many parts of so many bytes, one every while.
struct Slow {
    parts: u32,
    length: usize,
    pause: Duration,
    until: Pin<Box<Sleep>>,
}

fn slow(parts: u32, length: usize, pause: Duration) -> Slow {
    Slow { parts, length, pause, until: Box::pin(sleep(pause)) }
}

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.parts == 0 {
            return Poll::Ready(None);
        }
        ready!(self.until.as_mut().poll(context));
        let until = self.until.deadline() + self.pause;
        self.until.as_mut().reset(until);
        self.parts -= 1;
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.length].into()))))
    }
}

fn now() -> Instant {
    sleep(Duration::ZERO).deadline()
}

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_file_comes_through_over_a_slow_line_and_a_trickle_does_not() {
    // 16 MiB at 40 KiB a second: near seven minutes.
    let (parts, length) = (410, 40 * 1024);
    let file = Body::new(Timely::new(slow(parts, length, SECOND), MINUTE));
    let read = to_bytes(file, usize::MAX).await.expect("comes");
    assert_eq!(read.len(), 410 * length);

    let start = now();
    let trickle = Body::new(Timely::new(slow(1_000, 100, SECOND), MINUTE));
    assert!(to_bytes(trickle, usize::MAX).await.is_err());
    assert!((60..=63).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_a_client_takes_to_send_is_not_counted() {
    let works = async |parts: u32, work: Duration| {
        let start = now();
        let request = Request::new(Body::new(slow(parts, 10, SECOND)));
        let handle = async |request: Request| {
            let read = to_bytes(request.into_body(), usize::MAX).await.expect("comes");
            sleep(work).await;
            Response::new(Body::from(read.len().to_string()))
        };
        let answer = within(10 * SECOND, request, handle).await;
        (answer.is_some(), start.elapsed().as_secs())
    };
    assert_eq!(works(100, 9 * SECOND).await, (true, 109));
    assert_eq!(works(1, 9 * SECOND).await, (true, 10));
    let (is_answered, took) = works(100, MINUTE).await;
    assert!(!is_answered && (109..=112).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_has_no_time_of_the_body() {
    let hangs = async |request: Request| {
        // Looked at once, and left.
        let mut body = request.into_body();
        let first = std::future::poll_fn(|context| {
            Poll::Ready(Pin::new(&mut body).poll_frame(context).is_pending())
        });
        assert!(first.await);
        drop(body);
        std::future::pending::<Response>().await
    };
    let start = now();
    let request = Request::new(Body::new(slow(1_000, 10, SECOND)));
    assert!(within(10 * SECOND, request, hangs).await.is_none());
    assert!(start.elapsed() < 11 * SECOND, "{:?}", start.elapsed());

    let pending = |_: Request| std::future::pending::<Response>();
    assert!(within(10 * SECOND, Request::new(Body::empty()), pending).await.is_none());

    let quick = async |_: Request| {
        sleep(SECOND).await;
        Response::new(Body::empty())
    };
    assert!(within(10 * SECOND, Request::new(Body::empty()), quick).await.is_some());
}
