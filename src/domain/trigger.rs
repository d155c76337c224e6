//! The verdict on an inbound call: an alarm, a hotline, an access call, or nothing of ours. Pure.
//!
//! Nobody raises an alarm in the name of a line but the line itself: proven by digest, named by a trusted trunk, or,
//! marked as weak, calling from exactly where the line is registered. Must not know SIP beyond what was dialled.

use crate::alarm::Proof;
use crate::directory::{Community, Directory, LineRef, LineUse};
use crate::id::CommunityId;
use crate::kind::AlarmKind;
use crate::phone::{Home, PhoneNumber, may_be_called};
use std::sync::Arc;

/// What was dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialled<'a> {
    /// The user part of the Request-URI or the number of a `tel:` URI, percent-decoded once; parameters behind a `;`
    /// are ignored. Empty where there is none.
    pub user: &'a str,
    /// The value of X-Alarm-Code.
    pub alarm_code: Option<&'a str>,
    /// Diversion or History-Info says that a call was forwarded here.
    pub is_diverted: bool,
}

/// Who calls, and how we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind<'a> {
    /// A line of ours that answered the digest challenge.
    Proven {
        /// Its account.
        account: &'a str,
    },
    /// Somebody behind a trusted trunk.
    Trusted {
        /// The number or account that the trunk names; `None` if it names none.
        identity: Option<&'a str>,
        /// Where the trunk's numbers are at home.
        home: &'a Home,
        /// The trunk is an edge of ours: its X-Alarm-Code is believed.
        has_trusted_code: bool,
    },
    /// A line that failed or left out the digest.
    Unproven {
        /// The account that was claimed.
        account: &'a str,
        /// The call came from exactly the address, or the connection, of a live binding of the account.
        source_is_live_binding: bool,
    },
}

/// What the configuration says of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceptionRules {
    /// Where lines of ours are sent that dial any other number; `None` where they have another way for that.
    pub ordinary_calls: Option<Arc<str>>,
    /// The numbers that callees of ours see: who calls one of them back is told of their alarm.
    pub call_back_numbers: Vec<Arc<str>>,
    /// The numbers that workers call to record clips.
    pub recording_numbers: Vec<Arc<str>>,
}

/// What becomes of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An alarm, at once.
    Alarm {
        /// The line that raises it.
        line: LineRef,
        /// What was heard.
        heard: HeardCode,
        /// Why we believe that the line is the line.
        proof: Proof,
    },
    /// Somebody at the door says so on the resident's own telephone.
    Arrival {
        /// The line.
        line: LineRef,
        /// Why we believe that the line is the line.
        proof: Proof,
    },
    /// An alarm after the grace, unless it is cancelled in it.
    Hotline {
        /// The line that raises it.
        line: LineRef,
        /// The grace, in seconds; 0 is none.
        grace_s: u8,
        /// Why we believe that the line is the line.
        proof: Proof,
    },
    /// A call of a line to an access number, or to a number that callees of ours see: the code may be keyed in it.
    Access {
        /// The line that calls.
        line: LineRef,
        /// Why we believe that the line is the line.
        proof: Proof,
    },
    /// A call of anybody else to such a number: nothing that is keyed raises an alarm.
    CallBack {
        /// The number that calls, by the word of a trusted trunk; `None` where it is withheld.
        caller: Option<PhoneNumber>,
        /// The community whose access number it is.
        community: Option<CommunityId>,
    },
    /// A call to a number for recording, by a proven line or over a trusted trunk. Whose worker it is a PIN will tell.
    Recording {
        /// The line that calls, and why we believe that it is the line: an alarm code that is keyed in the call is its
        /// alarm.
        line: Option<(LineRef, Proof)>,
        /// The number that calls, where it is no line; `None` where it is withheld.
        caller: Option<PhoneNumber>,
    },
    /// The beginning of a code: 484, the phone dials on.
    Incomplete,
    /// Another number, dialled by a line of ours: 302.
    Redirect {
        /// The URI, without a user part.
        to: Arc<str>,
    },
    /// Nothing that exists here for this caller: 404.
    NotFound,
    /// The caller is not who they claim to be, or somebody forwarded the call: 403.
    Forbidden,
}

/// An alarm code that was heard, with what was said along with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardCode {
    /// The code, as the community has it.
    pub code: Arc<str>,
    /// What is the matter, by a digit behind the code.
    pub matter: Option<AlarmKind>,
    /// The line is to hear nothing of it.
    pub is_silent: bool,
}

impl HeardCode {
    /// A code alone.
    #[must_use]
    pub fn plain(code: Arc<str>) -> Self {
        Self { code, matter: None, is_silent: false }
    }
}

/// Longest code of an edge that is taken over, in characters.
const CODE_CHARS_MAX: usize = 32;

/// Hears what was dialled.
#[must_use]
pub fn hear(
    dialled: &Dialled<'_>,
    caller: CallerKind<'_>,
    directory: &Directory,
    rules: &ReceptionRules,
) -> Verdict {
    if dialled.is_diverted {
        return Verdict::Forbidden;
    }
    let user = dialled.user.split(';').next().unwrap_or_default().trim();
    let (line, proof) = match caller {
        CallerKind::Proven { account } => (directory.line_by_account(account), Proof::Digest),
        CallerKind::Trusted { identity, home, .. } => {
            (identity.and_then(|identity| line_of(identity, home, directory)), Proof::Trunk)
        }
        CallerKind::Unproven { account, source_is_live_binding: true } => {
            (directory.line_by_account(account), Proof::Weak)
        }
        CallerKind::Unproven { source_is_live_binding: false, .. } => (None, Proof::Weak),
    };
    let known = line.and_then(|line| Some((line, directory.resolve(line)?)));
    let Some((line, (community, _, entry))) = known else {
        return of_stranger(user, caller, directory, rules);
    };
    let edge = edge_code(dialled, caller);
    let called = Called { user: edge.as_deref().unwrap_or(user), home: home_of(community) };
    if let Some(heard) = called.alarm(community) {
        return Verdict::Alarm { line, heard, proof };
    }
    if called.is_arrival(community) && proof != Proof::Weak {
        return Verdict::Arrival { line, proof };
    }
    if let Some(code) = edge {
        return Verdict::Alarm { line, heard: HeardCode::plain(code), proof };
    }
    match entry.line_use {
        LineUse::Hotline { grace_s } => match &rules.ordinary_calls {
            // A hotline that can dial after all, and dials the police, gets the police.
            Some(to) if called.is_emergency() => Verdict::Redirect { to: Arc::clone(to) },
            Some(_) | None => Verdict::Hotline { line, grace_s, proof },
        },
        LineUse::Code => match proof {
            // Less than an alarm code raises nothing and opens nothing for a line that is not proven.
            Proof::Weak => Verdict::Forbidden,
            Proof::Digest | Proof::Trunk | Proof::Token => {
                called.of_line(line, proof, community, rules)
            }
        },
    }
}

/// A trunk names numbers, or accounts where a PBX is behind it.
fn line_of(identity: &str, home: &Home, directory: &Directory) -> Option<LineRef> {
    let by_number = PhoneNumber::of_caller(identity, home)
        .ok()
        .and_then(|number| directory.line_by_number(number.key()));
    by_number.or_else(|| directory.line_by_account(identity))
}

/// Nobody whose line we know: raises nothing, whatever was dialled.
fn of_stranger(
    user: &str,
    caller: CallerKind<'_>,
    directory: &Directory,
    rules: &ReceptionRules,
) -> Verdict {
    let CallerKind::Trusted { identity, home, .. } = caller else { return Verdict::Forbidden };
    let called = Called { user, home: home.clone() };
    let has_it = |community: &&Arc<Community>| called.find(&community.access_numbers).is_some();
    let community = directory.communities().find(has_it).map(|community| community.id);
    let caller = identity.and_then(|identity| PhoneNumber::of_caller(identity, home).ok());
    if community.is_none() && called.find(&rules.call_back_numbers).is_none() {
        let is_recording = called.find(&rules.recording_numbers).is_some();
        return match is_recording {
            true => Verdict::Recording { line: None, caller },
            false => Verdict::NotFound,
        };
    }
    Verdict::CallBack { caller, community }
}

/// The code that an edge of ours recognised; it knows codes that the directory does not.
fn edge_code(dialled: &Dialled<'_>, caller: CallerKind<'_>) -> Option<Arc<str>> {
    let CallerKind::Trusted { has_trusted_code: true, .. } = caller else { return None };
    let code = dialled.alarm_code?.trim().replace("%23", "#");
    (!code.is_empty()).then(|| code.chars().take(CODE_CHARS_MAX).collect::<String>().into())
}

fn home_of(community: &Community) -> Home {
    Home { area_code: Arc::clone(&community.area_code), community: community.id }
}

/// What was dialled, and the home that it is understood from.
struct Called<'a> {
    user: &'a str,
    home: Home,
}

impl Called<'_> {
    fn of_line(
        &self,
        line: LineRef,
        proof: Proof,
        community: &Community,
        rules: &ReceptionRules,
    ) -> Verdict {
        let mut numbers = [&community.access_numbers, &rules.call_back_numbers].into_iter();
        if numbers.any(|numbers| self.find(numbers).is_some()) {
            return Verdict::Access { line, proof };
        }
        if self.find(&rules.recording_numbers).is_some() {
            return Verdict::Recording { line: Some((line, proof)), caller: None };
        }
        let is_beginning = self.is_beginning_of(&community.alarm_codes)
            || self.is_beginning_of(&community.silent_codes)
            || self.is_beginning_of(std::slice::from_ref(&community.arrival_code))
            || self.is_beginning_of(&community.access_numbers);
        if is_beginning && !self.is_emergency() {
            return Verdict::Incomplete;
        }
        match &rules.ordinary_calls {
            Some(to) if proof == Proof::Digest && !self.user.is_empty() => {
                Verdict::Redirect { to: Arc::clone(to) }
            }
            Some(_) | None => Verdict::NotFound,
        }
    }

    /// The alarm code that was dialled. The bare code raises the alarm whatever might follow: nobody waits for more.
    fn alarm(&self, community: &Community) -> Option<HeardCode> {
        let of = |called: &Self, matter| {
            let loud = called.find(&community.alarm_codes);
            let loud = loud.map(|code| HeardCode { code, matter, is_silent: false });
            loud.or_else(|| {
                let code = called.find(&community.silent_codes)?;
                Some(HeardCode { code, matter, is_silent: true })
            })
        };
        of(self, None).or_else(|| {
            // Behind a code of digits alone it would be another number.
            let user = self.user.strip_suffix('#').unwrap_or(self.user);
            let (at, digit) = user.char_indices().next_back()?;
            let matter = AlarmKind::of_digit(digit)?;
            let code = user.get(..at).filter(|code| code.starts_with(['#', '*']))?;
            of(&Self { user: code, home: self.home.clone() }, Some(matter))
        })
    }

    fn is_arrival(&self, community: &Community) -> bool {
        self.find(std::slice::from_ref(&community.arrival_code)).is_some()
    }

    /// The code or number of the list that was dialled.
    fn find(&self, list: &[Arc<str>]) -> Option<Arc<str>> {
        list.iter().find(|entry| !entry.is_empty() && self.is(entry)).map(Arc::clone)
    }

    /// The same text; with the send key behind it, which some phones send along; with its first sign pressed twice; or,
    /// since exchanges translate codes into numbers, the same number in another form.
    fn is(&self, entry: &str) -> bool {
        let without_send_key = self.user.strip_suffix('#').unwrap_or(self.user);
        let is_text = |user: &str| entry.eq_ignore_ascii_case(user);
        if is_text(self.user) || is_text(without_send_key) {
            return true;
        }
        if let Some(sign @ ('#' | '*')) = entry.chars().next() {
            let once = without_send_key.trim_start_matches(sign);
            return once.len() < without_send_key.len() && entry.strip_prefix(sign) == Some(once);
        }
        let key = |text: &str| PhoneNumber::of_caller(text, &self.home).ok();
        // The last digit first: there are many numbers, and normalising each of them takes a while.
        entry.starts_with(|c: char| c.is_ascii_digit() || c == '+')
            && entry.bytes().last() == self.user.bytes().last()
            && key(entry).is_some_and(|number| key(self.user) == Some(number))
    }

    /// More digits may still make it a code.
    fn is_beginning_of(&self, list: &[Arc<str>]) -> bool {
        let len = self.user.len();
        let begins = |entry: &Arc<str>| {
            len < entry.len()
                && entry.get(..len).is_some_and(|head| head.eq_ignore_ascii_case(self.user))
        };
        !self.user.is_empty() && list.iter().any(begins)
    }

    fn is_emergency(&self) -> bool {
        PhoneNumber::of_caller(self.user, &self.home).is_ok_and(|number| !may_be_called(&number))
    }
}

#[cfg(test)]
mod tests;
