//! A span of time in a form that searches: from when, and until when, by the clock of the reader. Either may be left out.

use crate::form::Form;
use crate::lang::Lang;
use crate::roster::local::{Local, NoMoment};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The fields, each with its parameter in the API.
pub(crate) const FIELDS: [&str; 2] = ["from", "to"];

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Span {
    /// Reads the fields; what cannot be read is told beside its field and left out. A day without a time is the whole day,
    /// and a minute at the end counts.
    pub(crate) fn read(form: &mut Form, zone: TimeZone, l: Lang) -> Self {
        let local = Local::in_zone(zone);
        let [from, to] = FIELDS.map(|name| {
            let typed = form.get(name).to_owned();
            if typed.is_empty() {
                return None;
            }
            let is_end = name == "to";
            let read = match typed.parse::<Date>().ok().filter(|_| typed.len() <= 10) {
                Some(day) => {
                    let day = if is_end { day.tomorrow().unwrap_or(day) } else { day };
                    local.begin(day).ok_or(NoMoment::Unreadable)
                }
                None => local.read(&typed).map(|at| if is_end { minute_after(at) } else { at }),
            };
            read.map_err(|why| form.blame(name, why.words(l))).ok()
        });
        Self { from, to }
    }

    /// The parameters of the API.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'static str, String)> {
        let pair = |(name, at): (&'static str, Option<Timestamp>)| Some((name, at?.to_string()));
        FIELDS.into_iter().zip([self.from, self.to]).filter_map(pair)
    }
}

fn minute_after(at: Timestamp) -> Timestamp {
    at.checked_add(SignedDuration::from_mins(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, to: &str) -> (Vec<(&'static str, String)>, Vec<String>) {
        let mut form = Form::of([("from", from), ("to", to)]);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let span = Span::read(&mut form, zone, Lang::English);
        let wrong = form.errors().iter().map(|(field, _)| field.clone()).collect();
        (span.pairs().collect(), wrong)
    }

    #[test]
    fn a_span_is_read_by_the_clock_of_the_reader() {
        let pair = |name, at: &str| (name, at.to_owned());
        let both = [pair("from", "2026-11-22T02:12:00Z"), pair("to", "2026-11-22T03:01:00Z")];
        assert_eq!(read("2026-11-22T03:12", "2026-11-22 04:00"), (both.into(), vec![]));
        // A day is the whole day; the clocks go back in it.
        let day = [pair("from", "2026-10-24T22:00:00Z"), pair("to", "2026-10-25T23:00:00Z")];
        assert_eq!(read("2026-10-25", "2026-10-25"), (day.into(), vec![]));
        assert_eq!(read("", ""), (vec![], vec![]));
        assert_eq!(read("yesterday", "9999-12-31").0, []);
        assert_eq!(read("2026-03-29 02:30", "").1, ["from"], "the clocks skip it");
    }
}
