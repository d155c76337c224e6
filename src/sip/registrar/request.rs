//! What a REGISTER asks for (RFC 3261 10.3 steps 6 and 7), read and bounded before anything changes.

use super::{Binding, RegisterAnswer, RegistrarConfig};
use crate::agent::api::Flow;
use crate::message::{MessageExt, NameAddr, Request, Scheme, unquote};
use jiff::Timestamp;
use std::time::Duration;

/// Longest contact URI, instance and Call-ID that are kept, in bytes; longer ones are refused.
const TEXT_LEN_MAX: usize = 512;
/// Characters of User-Agent that are kept; what comes behind is cut off.
const USER_AGENT_CHARS_MAX: usize = 64;

/// A REGISTER that can be carried out.
#[derive(Debug)]
pub(super) struct Registration {
    call_id: Box<str>,
    cseq: u32,
    user_agent: Option<Box<str>>,
    pub(super) wish: Wish,
}

/// What shall be.
#[derive(Debug)]
pub(super) enum Wish {
    /// `Contact: *`.
    RemoveAll,
    /// These contacts; none only asks which there are.
    Contacts(Vec<ContactWish>),
}

/// What shall be with one contact.
#[derive(Debug)]
pub(super) struct ContactWish {
    contact: Box<str>,
    instance: Option<Box<str>>,
    reg_id: Option<u32>,
    /// Zero takes the binding away.
    pub(super) lifetime: Duration,
}

impl Registration {
    /// Reads the request, or says how it is refused.
    pub(super) fn read(
        request: &Request,
        config: &RegistrarConfig,
    ) -> Result<Self, RegisterAnswer> {
        let refused = || RegisterAnswer::plain(400);
        let call_id = request.call_id().and_then(bounded).ok_or_else(refused)?;
        let (cseq, _) = request.cseq().ok_or_else(refused)?;
        let user_agent = request.header("User-Agent").filter(|name| !name.is_empty());
        let user_agent = user_agent
            .map(|name| name.chars().take(USER_AGENT_CHARS_MAX).collect::<String>().into());
        Ok(Self { call_id, cseq, user_agent, wish: read_wish(request, config)? })
    }

    /// Whether the binding was made by a later request of the same phone, so that this one came late.
    pub(super) fn is_out_of_order(&self, binding: &Binding) -> bool {
        let concerns = match &self.wish {
            Wish::RemoveAll => true,
            Wish::Contacts(wishes) => wishes.iter().any(|wish| wish.is_for(binding)),
        };
        concerns && binding.call_id == self.call_id && self.cseq <= binding.cseq
    }
}

impl ContactWish {
    /// Whether it is about this binding: the same phone by its instance (RFC 5626 6), or the same URI.
    pub(super) fn is_for(&self, binding: &Binding) -> bool {
        let is_same_phone = self.instance.is_some()
            && self.instance == binding.instance
            && self.reg_id == binding.reg_id;
        is_same_phone || self.contact == binding.contact
    }

    pub(super) fn binding(&self, from: &Registration, flow: &Flow, now: Timestamp) -> Binding {
        Binding {
            contact: self.contact.clone(),
            flow: *flow,
            call_id: from.call_id.clone(),
            cseq: from.cseq,
            instance: self.instance.clone(),
            reg_id: self.reg_id,
            user_agent: from.user_agent.clone(),
            expires_at: now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX),
        }
    }
}

fn read_wish(request: &Request, config: &RegistrarConfig) -> Result<Wish, RegisterAnswer> {
    let refused = || RegisterAnswer::plain(400);
    if request.is_contact_star() {
        // RFC 3261 10.2.2: only together with an expiry of zero.
        return (request.expires() == Some(0)).then_some(Wish::RemoveAll).ok_or_else(refused);
    }
    let mut wishes: Vec<ContactWish> = Vec::new();
    for value in request.header_values("Contact") {
        if config.bindings_per_account_max <= wishes.len() {
            return Err(RegisterAnswer::plain(403));
        }
        let address = NameAddr::parse(value).ok_or_else(refused)?;
        let wish = read_contact(&address, request.expires(), config)?.ok_or_else(refused)?;
        let is_twice = wishes.iter().any(|known| known.contact == wish.contact);
        if is_twice {
            return Err(refused());
        }
        wishes.push(wish);
    }
    Ok(Wish::Contacts(wishes))
}

/// `None` for a contact that cannot be rung or kept.
fn read_contact(
    address: &NameAddr,
    expires: Option<u32>,
    config: &RegistrarConfig,
) -> Result<Option<ContactWish>, RegisterAnswer> {
    if !matches!(address.uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Ok(None);
    }
    let own = address.params.value("expires").map(unquote);
    let own = own.map(|text| seconds(&text));
    // A value that is no number counts as if it were not there (RFC 3261 10.3 step 7 wants 3600).
    let wanted = own.flatten().or(expires).map(|s| Duration::from_secs(u64::from(s)));
    let wanted = wanted.unwrap_or(config.expires_default);
    if !wanted.is_zero() && wanted < config.expires_min {
        let mut answer = RegisterAnswer::plain(423);
        answer.headers.push(("Min-Expires", config.expires_min.as_secs().to_string()));
        return Err(answer);
    }
    let Some(contact) = bounded(&address.uri.to_string()) else {
        return Ok(None);
    };
    let instance = address.params.value("+sip.instance").map(unquote);
    let Some(instance) =
        instance.map(|text| bounded(&text)).map_or(Some(None), |text| text.map(Some))
    else {
        return Ok(None);
    };
    let reg_id = address.params.value("reg-id").and_then(|text| text.trim().parse().ok());
    Ok(Some(ContactWish { contact, instance, reg_id, lifetime: wanted.min(config.expires_max) }))
}

fn seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

fn bounded(text: &str) -> Option<Box<str>> {
    (text.len() <= TEXT_LEN_MAX).then(|| text.into())
}
