//! The carriers as the switchboard sees them: the telephone for voice, the providers for SMS.

use crate::prompts::Library;
use crate::sms::{SmsCarrier, Text};
use crate::switchboard::Carriers;
use crate::tasks::Tasks;
use crate::telephone::Telephone;
use lianfang_domain::alarm::{CancelReason, ResidentNotice};
use lianfang_domain::directory::{Language, LineRef};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{Channel, LegOrder, Message, RouteName};
use lianfang_domain::phone::{NumberFormat, format_for};
use lianfang_domain::plan::Plan;
use lianfang_domain::words::{self, Clip, Told};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// When the names of an alarm are fetched: the calls that say them have left by then, as a rule.
const AFTER_THE_COMMIT: Duration = Duration::from_millis(3);

/// See the module.
#[derive(Debug)]
pub(super) struct AllCarriers {
    telephone: Telephone,
    sms: SmsCarrier,
    prompts: Arc<Library>,
    service: Tasks,
}

impl AllCarriers {
    pub(super) fn new(
        telephone: Telephone,
        sms: SmsCarrier,
        prompts: Arc<Library>,
        service: Tasks,
    ) -> Self {
        Self { telephone, sms, prompts, service }
    }
}

impl Carriers for AllCarriers {
    fn place(&self, order: LegOrder, route: &RouteName) {
        match order.channel {
            Channel::Voice => self.telephone.place(order, route),
            Channel::Sms => {
                let to = format_for(&order.number, &NumberFormat::E164);
                let body = words::sms(&Told::from(&order), order.language);
                self.sms.place(route, Text { leg: order.leg, to, body });
            }
        }
    }

    fn announce(&self, order: LegOrder, text: &str, route: &RouteName) {
        let to = format_for(&order.number, &NumberFormat::E164);
        self.sms.place(route, Text { leg: order.leg, to, body: text.to_owned() });
    }

    fn cancel(&self, leg: LegId, reason: CancelReason) {
        self.telephone.cancel(leg, reason);
    }

    fn cancel_orphan(&self, order: LegOrder, route: &RouteName) {
        if order.channel == Channel::Voice {
            self.telephone.cancel_orphan(order, route);
        }
    }

    fn tell_resident(&self, alarm: AlarmId, notice: ResidentNotice, plan: Arc<Plan>) {
        self.telephone.tell_resident(alarm, &notice, &plan);
    }

    fn reword(&self, order: LegOrder) {
        if order.channel == Channel::Voice {
            self.telephone.reword(order);
        }
    }

    fn join_talk(&self, leg: LegId) {
        self.telephone.join_talk(leg);
    }

    fn refuse_talk(&self, leg: LegId) {
        self.telephone.refuse_talk(leg);
    }

    fn prepare(&self, plan: &Arc<Plan>) {
        let (plan, prompts) = (Arc::clone(plan), Arc::clone(&self.prompts));
        self.service.start("names", |_| async move {
            // Nobody has answered yet, and the first commit wants the core.
            tokio::time::sleep(AFTER_THE_COMMIT).await;
            for language in languages_of(&plan) {
                let names = names_of(&plan, language);
                prompts.voice(Some(plan.scene.community), language).fetch(&names).await;
            }
        });
    }

    fn is_registered(&self, line: LineRef) -> bool {
        self.telephone.lines().is_registered(line)
    }
}

/// The languages that somebody in the plan is spoken to in.
pub(super) fn languages_of(plan: &Plan) -> BTreeSet<Language> {
    let numbers = plan.parties.iter().flat_map(|party| &party.numbers);
    numbers.map(|number| number.language).chain([plan.scene.language]).collect()
}

/// Every name that an alarm of this plan may say in a language.
pub(super) fn names_of(plan: &Plan, language: Language) -> Vec<Clip> {
    let messages = words::spoken(&Told::new(plan, Message::Alarm), language);
    let coming = plan
        .parties()
        .flat_map(|(party, _)| words::resident(plan, &ResidentNotice::Coming { party }, language));
    let mut names: Vec<Clip> =
        messages.into_iter().chain(coming).filter(|clip| !clip.is_fixed()).collect();
    names.sort();
    names.dedup();
    names
}
