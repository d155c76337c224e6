//! The only place that starts tasks and threads, so that shutdown waits for all of them and a panic is never silent.

use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Every task of one runtime. The alarm path and everything else have a runtime each, so that a slow page cannot hold
/// up a leg.
#[derive(Clone, Debug)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

impl Tasks {
    /// Tasks that run on `runtime` and stop with `shutdown`.
    #[must_use]
    pub fn new(runtime: Handle, shutdown: CancellationToken) -> Self {
        Self { runtime, tracker: TaskTracker::new(), shutdown }
    }

    /// Starts a task that has to end soon after its token is cancelled. A panic in it stops the process: half a
    /// service is none, the supervisor restarts us and the alarm log brings us back.
    pub fn start<F>(&self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task(self.shutdown.clone());
        let shutdown = self.shutdown.clone();
        let inner = self.runtime.clone();
        let guarded = async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that starts tasks"
            )]
            let result = inner.spawn(task).await;
            if let Err(error) = result {
                tracing::error!(%error, task = name, "A task panicked, shutting down");
                shutdown.cancel();
            }
        };
        self.tracker.spawn_on(guarded.instrument(tracing::info_span!("task", name)), &self.runtime);
    }

    /// Starts an operating system thread that has to end soon after its token is cancelled.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub fn start_thread(
        &self,
        name: &'static str,
        body: impl FnOnce(CancellationToken) + Send + 'static,
    ) -> std::io::Result<()> {
        let token = self.shutdown.clone();
        let shutdown = self.shutdown.clone();
        let held = self.tracker.token();
        #[expect(clippy::disallowed_methods, reason = "this is the one place that starts threads")]
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(token)));
            if result.is_err() {
                tracing::error!(thread = name, "A thread panicked, shutting down");
                shutdown.cancel();
            }
            drop(held);
        });
        spawned.map(drop)
    }

    /// The token that is cancelled when the process is asked to stop.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Asks all tasks to stop and waits for them, at most `grace`. Returns whether all did.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.shutdown.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_polite_task_is_waited_for() {
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        tasks.start("polite", |stop| async move { stop.cancelled().await });
        assert!(tasks.stop(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn a_deaf_task_is_reported() {
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        tasks.start("deaf", |_| std::future::pending());
        assert!(!tasks.stop(Duration::from_millis(20)).await);
    }

    #[tokio::test]
    async fn a_panic_stops_the_process() {
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        tasks.start("broken", |_| async { panic!("planted") });
        tokio::time::timeout(Duration::from_secs(5), tasks.shutdown().cancelled())
            .await
            .expect("stops");
    }
}
