//! What other alarms have on the routes, as an answer of what-if tells it.

use super::super::words::in_language;
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use lianfang_domain::dispatch::{CALL_S, Dispatch, RouteLoad};
use lianfang_domain::leg::Channel;
use serde::Serialize;
use utoipa::ToSchema;

/// What other alarms have on the routes now.
#[derive(Serialize, ToSchema)]
pub(super) struct LoadView {
    /// Legs that wait for a slot.
    legs_waiting: usize,
    /// Calls, and messages that are not taken yet.
    legs_under_way: usize,
    /// Each route.
    routes: Vec<RouteLoadView>,
    /// What is assumed of them.
    assumes: String,
}

/// How busy a route is.
#[derive(Serialize, ToSchema)]
struct RouteLoadView {
    /// Its name in the configuration.
    route: String,
    /// `voice` or `sms`.
    #[schema(value_type = String)]
    channel: Channel,
    /// New legs go over it.
    is_up: bool,
    /// How many calls, or messages not yet taken, are under way.
    under_way: u32,
    /// How many may be.
    channels: u32,
    /// How many left in the last second.
    left_lately: u32,
    /// How many may leave in any second.
    per_second: u32,
}

impl LoadView {
    pub(super) fn new(load: &Dispatch, now: Timestamp, language: Language) -> Self {
        let route = |load: RouteLoad| RouteLoadView {
            route: load.name.to_string(),
            channel: load.channel,
            is_up: load.is_up,
            under_way: load.under_way,
            channels: load.channels,
            left_lately: load.left_lately,
            per_second: load.per_second,
        };
        Self {
            legs_waiting: load.waiting_in_all(),
            legs_under_way: load.under_way(),
            routes: load.loads(now).into_iter().map(route).collect(),
            assumes: in_language!(
                language,
                "假定其他警情正在进行的通话 {CALL_S} 秒后结束，排队的依次呼出并振铃到时限，此后不再增加",
                "Calls of others end after {CALL_S} s, those that wait leave in turn and ring to the end, and no more come"
            ),
        }
    }
}
