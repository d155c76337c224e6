//! Which shard a message belongs to.
//!
//! Shard 0 drives the lines: their registrations and the calls that they make. The others drive our legs. The
//! Call-ID of a leg names its shard, so that whatever comes back finds it; everything else goes to shard 0.

use super::shard::ShardInput;
use lianfang_domain::id::LegId;
use tokio::sync::mpsc;

/// Marks a Call-ID as one of ours: `<leg>~<shard>@lianfang`.
const MARK: &str = "@lianfang";
/// A Call-ID stands near the top; nobody needs us to look further.
const LOOK_BYTES_MAX: usize = 8 * 1024;

/// The inboxes of all shards.
#[derive(Clone, Debug)]
pub(super) struct ShardTable {
    lines: mpsc::Sender<ShardInput>,
    legs: Vec<mpsc::Sender<ShardInput>>,
}

impl ShardTable {
    pub(super) fn new(
        lines: mpsc::Sender<ShardInput>,
        legs: Vec<mpsc::Sender<ShardInput>>,
    ) -> Self {
        Self { lines, legs }
    }

    /// The shard of a message as it came from the wire.
    pub(super) fn of_message(&self, bytes: &[u8]) -> &mpsc::Sender<ShardInput> {
        let shard = find_call_id(bytes).and_then(shard_of_call_id);
        shard.and_then(|shard| self.legs.get(shard.checked_sub(1)?)).unwrap_or(&self.lines)
    }

    /// The shard that drives a leg over a trunk, with its number.
    pub(super) fn of_leg(&self, leg: LegId) -> (usize, &mpsc::Sender<ShardInput>) {
        let spread = leg.alarm.0.wrapping_mul(31).wrapping_add(u64::from(leg.number));
        let count = u64::try_from(self.legs.len()).unwrap_or(1).max(1);
        let index = usize::try_from(spread % count).unwrap_or_default();
        self.legs.get(index).map_or((0, &self.lines), |inbox| (index + 1, inbox))
    }

    /// The shard of the lines.
    pub(super) fn lines(&self) -> &mpsc::Sender<ShardInput> {
        &self.lines
    }

    /// Every shard, the lines first.
    pub(super) fn all(&self) -> impl Iterator<Item = &mpsc::Sender<ShardInput>> {
        std::iter::once(&self.lines).chain(&self.legs)
    }
}

/// The Call-ID of a leg that this shard drives.
pub(super) fn call_id_of(leg: LegId, shard: usize) -> String {
    format!("{leg}~{shard}{MARK}")
}

/// The leg of a Call-ID of ours.
pub(super) fn leg_of_call_id(call_id: &[u8]) -> Option<LegId> {
    let text = std::str::from_utf8(call_id).ok()?;
    let (leg, _) = text.trim().strip_suffix(MARK)?.rsplit_once('~')?;
    leg.parse().ok()
}

fn shard_of_call_id(call_id: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(call_id).ok()?;
    let (_, shard) = text.trim().strip_suffix(MARK)?.rsplit_once('~')?;
    shard.parse().ok()
}

/// The value of the first line that begins with `Call-ID:` or `i:`, in any case.
pub(super) fn find_call_id(bytes: &[u8]) -> Option<&[u8]> {
    let head = bytes.get(..LOOK_BYTES_MAX).unwrap_or(bytes);
    head.split(|&byte| byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r'])).find_map(
        |line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (name, value) = line.split_at(colon);
            let name = name.trim_ascii();
            let is_call_id =
                name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i");
            is_call_id.then(|| value.get(1..).unwrap_or_default().trim_ascii())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::id::AlarmId;

    #[test]
    fn what_comes_back_finds_its_shard() {
        let (lines, _lines) = mpsc::channel(1);
        let (one, _one) = mpsc::channel(1);
        let (two, _two) = mpsc::channel(1);
        let table = ShardTable::new(lines.clone(), vec![one.clone(), two.clone()]);
        for number in 1..50 {
            let leg = LegId { alarm: AlarmId(77), number };
            let (shard, inbox) = table.of_leg(leg);
            for name in ["Call-ID", "i", "CALL-ID ", "I"] {
                let text = format!(
                    "SIP/2.0 180 Ringing\r\nVia: x\r\n{name}: {}\r\n\r\n",
                    call_id_of(leg, shard)
                );
                assert!(table.of_message(text.as_bytes()).same_channel(inbox), "{text}");
            }
        }
        for other in [
            "",
            "\r\n\r\n",
            "INVITE sip:x SIP/2.0\r\nCall-ID: a~1@lianfangs\r\n\r\n",
            "i: x~9@lianfang\r\n",
        ] {
            assert!(table.of_message(other.as_bytes()).same_channel(&lines), "{other}");
        }
    }
}
