//! What errors of other parts are to a client.

use super::{ApiError, Chain};
use crate::store::StoreError;
use crate::store::accounts::AccountError;
use crate::store::nouns::NounError;
use crate::web::ports::{ActError, RaiseError};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = %Chain(&error), "The database is busy");
            return Self::Busy;
        }
        Self::Internal(error.into())
    }
}

impl From<NounError> for ApiError {
    fn from(error: NounError) -> Self {
        match error {
            NounError::NotFound => Self::NotFound,
            NounError::Changed { current } => Self::Changed { current },
            NounError::Faulty(faults) => Self::Faulty(faults),
            NounError::HasChildren => Self::HasChildren,
            NounError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Row(error) => error.into(),
            AccountError::LastAdmin => Self::LastAdmin,
            error @ AccountError::Random(_) => Self::Internal(error.into()),
        }
    }
}

impl From<RaiseError> for ApiError {
    fn from(error: RaiseError) -> Self {
        match error {
            RaiseError::UnknownLine => Self::UnknownLine,
            RaiseError::Unavailable => Self::Busy,
        }
    }
}

impl From<ActError> for ApiError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::UnknownAlarm => Self::NotFound,
            ActError::Closed => Self::AlarmClosed,
            ActError::UnknownParty => Self::UnknownParty,
            ActError::CannotAdd(error) => Self::CannotAdd(error),
            ActError::Unavailable => Self::Busy,
        }
    }
}
