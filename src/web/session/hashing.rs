//! Makes and checks hashes of passwords aside, two at a time: a flood of sign-ins takes two threads of the service runtime
//! and 38 MiB, and nothing of the alarm path. Who waits for a place longer than a moment is told to come again.

use crate::store::accounts::password::{self, HashError};
use crate::web::problem::ApiError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Hashes that are computed at a time; each takes 19 MiB and some 50 ms of a core.
const AT_ONCE: usize = 2;
/// How long somebody waits for a place.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::web) struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Hashing {
    /// Whether the password is that of the stored hash; without one it takes as long.
    pub(in crate::web) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, ApiError> {
        self.aside(move || password::verify(&password, stored.as_deref())).await
    }

    /// The hash of a password.
    pub(in crate::web) async fn hash(&self, password: String) -> Result<String, ApiError> {
        let hashed: Result<String, HashError> =
            self.aside(move || password::hash(&password)).await?;
        hashed.map_err(|error| ApiError::Internal(error.into()))
    }

    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            metrics::counter!("lianfang_sign_in_shed_total").increment(1);
            return Err(ApiError::Busy);
        };
        // The place goes with the work, which nobody can stop once it has begun.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|error| ApiError::Internal(error.into()))
    }
}
