//! What can be wrong with a draft, where, and the checks that say so.
//!
//! The checks are stricter than the constraints of the tables and come first, so that every mistake is named at once.
//! What only the database can know (a name that is taken) is read from the name of the constraint or column.

use super::{Kind, NounError, StoreError, Value};
use crate::store::accounts::password::PasswordFault;
use crate::store::pins::PinFault;
use lianfang_domain::directory::Language;
use lianfang_domain::drill::Refusal;
use lianfang_domain::id::CommunityId;
use lianfang_domain::policy::check::Why;
use lianfang_domain::reachability::VisitClass;
use lianfang_domain::roster::RosterError;
use sqlx::{Row, SqliteConnection};
use std::ops::RangeInclusive;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// A mistake in a draft and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the draft.
    pub pointer: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but space is there.
    #[error("must not be empty")]
    Empty,
    /// Too many characters.
    #[error("has more than {max} characters")]
    TooLong {
        /// At most so many.
        max: usize,
    },
    /// A line break or another character that cannot be read aloud.
    #[error("has a line break or another control character")]
    ControlCharacter,
    /// A number outside of its range.
    #[error("must be from {min} to {max}")]
    OutOfRange {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// Too many items.
    #[error("has more than {max} items")]
    TooMany {
        /// At most so many.
        max: usize,
    },
    /// The same item stands before.
    #[error("stands in the list twice")]
    Twice,
    /// No area code.
    #[error("must be an area code with its leading zero, such as 0592")]
    AreaCode,
    /// No time zone.
    #[error("must be an IANA time zone, such as Asia/Shanghai")]
    TimeZone,
    /// No code.
    #[error("must be 1 to 8 keys of 0-9, * and #, such as #9")]
    AlarmCode,
    /// No arrival code.
    #[error("must be 2 to 8 keys of 0-9, * and # that begin with * or #, such as #97, or empty")]
    ArrivalCode,
    /// A code that means something else: an alarm code, or one with the digit of a kind behind it.
    #[error("is another code of the community, alone or with a digit behind it")]
    OtherCode,
    /// No access number.
    #[error("must be 2 to 16 digits, such as 9000")]
    AccessNumber,
    /// No account.
    #[error("must be 1 to 64 letters, digits and -_.+~*")]
    Account,
    /// No telephone number.
    #[error("must be a telephone number")]
    NoNumber,
    /// A number that the service does not call, such as 110.
    #[error("is an emergency or service number, which is never called")]
    NeverCalled,
    /// A number that is to be neither called nor written to.
    #[error("must be allowed for voice or for SMS")]
    NoChannel,
    /// Another row has it.
    #[error("another one has it")]
    Taken,
    /// It names nothing that is there.
    #[error("does not exist")]
    UnknownParent,
    /// The worker does not hold the post now.
    #[error("is not on duty on this post")]
    NotOnDuty,
    /// It would move to another community, whose area code reads numbers otherwise.
    #[error("is in another community")]
    OtherCommunity,
    /// Numbers were read with it.
    #[error(
        "cannot change while the community has grids or workers: their numbers were read with it"
    )]
    NumbersDepend,
    /// A helper without a household, or a household for anybody else.
    #[error("must be given for helpers, and for nobody else")]
    HelperHousehold,
    /// A policy that could end in silence or reach nobody.
    #[error("{}", .0.words(Language::English))]
    Policy(Why),
    /// A drill that cannot be held.
    #[error("{}", .0.words(Language::English))]
    Drill(Refusal),
    /// A PIN that is not good.
    #[error("{0}")]
    Pin(PinFault),
    /// No name to sign in with.
    #[error("must be 2 to 60 letters, digits and -_.@")]
    LoginName,
    /// A password that is not good.
    #[error("{0}")]
    Password(PasswordFault),
    /// Somebody who is signed in gave another password than theirs.
    #[error("is not your password")]
    WrongPassword,
    /// Not the first code of a second factor.
    #[error("is not the newest code of your authenticator")]
    WrongCode,
    /// No target of messages.
    #[error("must be a URL that begins with https://, without user, password and fragment")]
    TargetForm,
    /// A target that the configuration does not name.
    #[error(
        "is not allowed: the host and its port have to stand in webhooks.allowed_hosts of the configuration"
    )]
    TargetHost,
    /// An address that is not public.
    #[error(
        "is not allowed: the address is not public, and webhooks.allowed_networks of the configuration does not have it"
    )]
    TargetAddress,
    /// No name of a token.
    #[error("must have 1 to 60 characters and not begin with account:")]
    TokenName,
    /// A password is set on a way of its own.
    #[error(
        "is only given when the account is made: afterwards it is reset, or changed by its owner"
    )]
    OnlyNew,
    /// An account is a worker or a responder.
    #[error("must be empty where the account is a worker")]
    OnePerson,
    /// Rights that whoever gives them does not have.
    #[error("reaches further than you do")]
    BeyondReach,
    /// No code of a post.
    #[error("must be one word, such as A")]
    PostCode,
    /// A shift is held by workers or by a rotation.
    #[error("must be empty where a rotation holds the shift")]
    RotationOrWorkers,
    /// Both agreed, or one withdrew.
    #[error("was agreed or withdrawn: propose another swap")]
    SwapDecided,
    /// A day of another year.
    #[error("must be in {year}")]
    OtherYear {
        /// Which year.
        year: i16,
    },
    /// The duty roster would be impossible.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A constraint of the database that none of the above names.
    #[error("breaks a rule of the database")]
    Rule,
}

/// Collects what is wrong while values are made.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<FieldError>);

impl Checks {
    pub(super) fn add(&mut self, pointer: impl Into<String>, fault: Fault) {
        self.0.push(FieldError { pointer: pointer.into(), fault });
    }

    /// The values, if nothing was wrong.
    pub(super) fn finish(self, values: Vec<Value>) -> Result<Vec<Value>, Vec<FieldError>> {
        if self.0.is_empty() { Ok(values) } else { Err(self.0) }
    }

    /// A text that may be empty, without the space around it.
    pub(super) fn text(&mut self, pointer: &str, text: &str, max: usize) -> Value {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            self.add(pointer, Fault::ControlCharacter);
        } else if max < text.chars().count() {
            self.add(pointer, Fault::TooLong { max });
        }
        Value::Text(text.to_owned())
    }

    /// A text that must not be empty.
    pub(super) fn name(&mut self, pointer: &str, text: &str, max: usize) -> Value {
        if text.trim().is_empty() {
            self.add(pointer, Fault::Empty);
        }
        self.text(pointer, text, max)
    }

    pub(super) fn range(&mut self, pointer: &str, value: u32, range: RangeInclusive<u32>) -> Value {
        if !range.contains(&value) {
            self.add(pointer, Fault::OutOfRange { min: *range.start(), max: *range.end() });
        }
        Value::Integer(value.into())
    }

    pub(super) fn area_code(&mut self, pointer: &str, code: &str) -> Value {
        let is_code = matches!(code.as_bytes(), [b'0', b'1'..=b'9', rest @ ..]
            if (1..=3).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit));
        if !is_code {
            self.add(pointer, Fault::AreaCode);
        }
        Value::Text(code.to_owned())
    }

    pub(super) fn account(&mut self, pointer: &str, account: &str) -> Value {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+~*".contains(&byte);
        if !(1..=64).contains(&account.len()) || !account.bytes().all(is_known) {
            self.add(pointer, Fault::Account);
        }
        Value::Text(account.to_owned())
    }

    pub(super) fn time_zone(&mut self, pointer: &str, name: &str) -> Value {
        let zone = if 64 < name.len() { None } else { jiff::tz::TimeZone::get(name).ok() };
        if let Some(canonical) = zone.as_ref().and_then(jiff::tz::TimeZone::iana_name) {
            return Value::Text(canonical.to_owned());
        }
        self.add(pointer, Fault::TimeZone);
        Value::Null
    }

    /// A list of texts as JSON, each checked by `fault_in`.
    pub(super) fn list(
        &mut self,
        pointer: &str,
        items: &[String],
        max: usize,
        fault_in: impl Fn(&str) -> Option<Fault>,
    ) -> Value {
        if max < items.len() {
            self.add(pointer, Fault::TooMany { max });
            return Value::Null;
        }
        for (index, item) in items.iter().enumerate() {
            let is_twice = items.iter().take(index).any(|before| before == item);
            let fault = fault_in(item).or(is_twice.then_some(Fault::Twice));
            if let Some(fault) = fault {
                self.add(format!("{pointer}/{index}"), fault);
            }
        }
        Value::Text(serde_json::json!(items).to_string())
    }
}

/// What is wrong with naming this row: it is not there, or in another community.
pub(super) async fn at_field(
    pointer: &str,
    kind: Kind,
    id: u32,
    community: CommunityId,
    change: &mut SqliteConnection,
) -> Result<Option<FieldError>, StoreError> {
    let found = sqlx::query(kind.home_sql()).bind(id).fetch_optional(change).await;
    let fault = match found.map_err(StoreError::Read)? {
        None => Some(Fault::UnknownParent),
        Some(row) => {
            let found: u32 = row.try_get("id").map_err(StoreError::Read)?;
            (found != community.0).then_some(Fault::OtherCommunity)
        }
    };
    Ok(fault.map(|fault| FieldError { pointer: pointer.to_owned(), fault }))
}

/// Reads which constraint an insert or update broke. SQLite names a check by its name, and a unique constraint by its
/// columns, of which the last is the field.
pub(in crate::store) fn fault_of(error: sqlx::Error) -> NounError {
    let broken = error.as_database_error().and_then(|cause| {
        let (_, broken) = cause.message().split_once("constraint failed: ")?;
        if cause.is_unique_violation() {
            let (_, column) = broken.rsplit_once('.')?;
            return Some((field_of_column(column).to_owned(), Fault::Taken));
        }
        cause.is_check_violation().then(|| (String::new(), Fault::Rule))
    });
    let is_unknown =
        error.as_database_error().is_some_and(|cause| cause.is_foreign_key_violation());
    let broken = broken.or(is_unknown.then(|| (String::new(), Fault::UnknownParent)));
    match broken {
        Some((pointer, fault)) => NounError::Faulty(vec![FieldError { pointer, fault }]),
        None => NounError::Store(StoreError::Write(error)),
    }
}

fn field_of_column(column: &str) -> &'static str {
    match column {
        "name" => "/name",
        "number_key" => "/number",
        "account" => "/account",
        _ => "",
    }
}

/// The schema of a language.
pub(super) fn language() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Language::spoken().map(Language::tag)))
        .into()
}

/// The names of visit classes, or null.
pub(super) fn visit_class_or_null() -> Schema {
    let names = VisitClass::ALL.map(|class| serde_json::json!(class.name()));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(names.into_iter().chain([serde_json::Value::Null])))
        .into()
}

/// The schema of a language that may be missing.
pub(in crate::store) fn language_or_null() -> Schema {
    let tags = Language::spoken().map(|language| serde_json::json!(language.tag()));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(tags.chain([serde_json::Value::Null])))
        .into()
}
