//! How long something took, as people say it.

use crate::lang::Lang;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Milliseconds in the two largest units that they fill; below ten seconds with a tenth.
pub(crate) fn duration(ms: u64, l: Lang) -> String {
    let two = |large: u64,
               (large_zh, large_en): (&str, &str),
               small: u64,
               (small_zh, small_en): (&str, &str)| {
        let (whole, rest) = (ms / large, ms % large / small);
        match (l, rest) {
            (Lang::Chinese, 0) => format!("{whole} {large_zh}"),
            (Lang::English, 0) => format!("{whole} {large_en}"),
            (Lang::Chinese, _) => format!("{whole} {large_zh} {rest} {small_zh}"),
            (Lang::English, _) => format!("{whole} {large_en} {rest} {small_en}"),
        }
    };
    let (day, hour) = (("天", "d"), ("小时", "h"));
    let (minute, second) = (("分", "min"), ("秒", "s"));
    match ms {
        0..10_000 => format!("{}.{} {}", ms / SECOND, ms % SECOND / 100, l.t("秒", "s")),
        10_000..MINUTE => format!("{} {}", ms / SECOND, l.t("秒", "s")),
        MINUTE..HOUR => two(MINUTE, minute, SECOND, second),
        HOUR..DAY => two(HOUR, hour, MINUTE, minute),
        _ => two(DAY, day, HOUR, hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_say_them() {
        for (ms, chinese, english) in [
            (0, "0.0 秒", "0.0 s"),
            (950, "0.9 秒", "0.9 s"),
            (9_999, "9.9 秒", "9.9 s"),
            (10_000, "10 秒", "10 s"),
            (59_999, "59 秒", "59 s"),
            (60_000, "1 分", "1 min"),
            (200_000, "3 分 20 秒", "3 min 20 s"),
            (7_500_000, "2 小时 5 分", "2 h 5 min"),
            (86_400_000, "1 天", "1 d"),
            (u64::MAX, "213503982334 天 14 小时", "213503982334 d 14 h"),
        ] {
            assert_eq!(
                (&*duration(ms, Lang::Chinese), &*duration(ms, Lang::English)),
                (chinese, english)
            );
        }
    }
}
