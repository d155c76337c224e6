use super::*;
use crate::phone::may_be_called;
use proptest::prelude::*;

fn home() -> Home {
    Home { area_code: "0592".into(), community: CommunityId(3) }
}

#[test]
fn every_form_that_was_seen_is_read() {
    const LINE: &str = "+865925551234";
    for (text, key) in [
        ("0592-5551234", LINE),
        ("05925551234", LINE),
        ("5551234", LINE),
        ("555 1234", LINE),
        ("555-1234", LINE),
        ("865925551234", LINE),
        ("86-592-5551234", LINE),
        ("00865925551234", LINE),
        ("0086 592 5551234", LINE),
        ("0086-0592-5551234", LINE),
        ("+86 592 5551234", LINE),
        ("+86 (0)592 5551234", LINE),
        ("+865925551234", LINE),
        ("(0592)5551234", LINE),
        ("（0592）5551234", LINE),
        ("(+86) 592 5551234", LINE),
        ("０５９２－５５５１２３４", LINE),
        ("５５５１２３４", LINE),
        ("0592—5551234", LINE),
        ("\u{202d}0592-5551234\u{202c}", LINE),
        ("13800138000", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("013800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("010-65551234", "+861065551234"),
        ("021 6555 1234", "+862165551234"),
        ("400-812-3123", "+864008123123"),
        ("110", "short:110@0592"),
        ("119", "short:119@0592"),
        ("10086", "short:10086@0592"),
        ("95588", "short:95588@0592"),
        ("96110", "short:96110@0592"),
        ("12349", "short:12349@0592"),
        ("059212349", "short:12349@0592"),
        ("0592-12349", "short:12349@0592"),
        ("+86 592 12349", "short:12349@0592"),
        ("01012345", "short:12345@010"),
        ("116114", "short:116114@0592"),
        ("short:12349@0592", "short:12349@0592"),
        ("801", "ext:801@3"),
        ("8001", "ext:8001@3"),
        ("9000", "ext:9000@3"),
        ("ext:801@3", "ext:801@3"),
        ("+1 202-555-0123", "+12025550123"),
        ("001 202 555 0123", "+12025550123"),
        ("+852 2345 6789", "+85223456789"),
    ] {
        let read = normalise(text, &home()).unwrap();
        assert_eq!(read.number.key(), key, "{text}");
        assert_eq!(read.extension, None, "{text}");
        assert_eq!(PhoneNumber::of_caller(text, &home()).unwrap().key(), key, "{text}");
    }
}

#[test]
fn an_extension_is_kept_beside_the_number() {
    for (text, key, extension) in [
        ("0592-5551234-801", "+865925551234", "801"),
        ("5551234-801", "+865925551234", "801"),
        ("05925551234-8", "+865925551234", "8"),
        ("+86-592-5551234-801", "+865925551234", "801"),
        ("(0592)5551234转801", "+865925551234", "801"),
        ("0592-5551234 分机 801", "+865925551234", "801"),
        ("0592-5551234 转分机801", "+865925551234", "801"),
        ("0592-5551234 ext. 801", "+865925551234", "801"),
        ("5551234x12", "+865925551234", "12"),
        ("05925551234#9", "+865925551234", "9"),
    ] {
        let read = normalise(text, &home()).unwrap();
        assert_eq!(read.number.key(), key, "{text}");
        assert_eq!(read.extension.as_deref(), Some(extension), "{text}");
        assert_eq!(read.number.written(), text, "kept as it was written");
    }
}

#[test]
fn what_looks_odd_is_kept_to_confirm() {
    for (text, key, to_confirm) in [
        ("5551234", "+865925551234", false),
        ("13800138000", "+8613800138000", false),
        ("12349", "short:12349@0592", false),
        ("801", "ext:801@3", false),
        ("57000001", "+8659257000001", true),
        ("0592-57000001", "+8659257000001", true),
        ("05551234", "+865925551234", true),
        ("+865551234", "+865925551234", true),
        ("12", "ext:12@3", true),
        ("123456789", "+86123456789", true),
        ("23800138000", "+8623800138000", true),
        ("+999123", "+999123", true),
    ] {
        let read = normalise(text, &home()).unwrap();
        assert_eq!((read.number.key(), read.to_confirm), (key, to_confirm), "{text}");
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for (text, error) in [
        ("", PhoneError::Empty),
        ("  - ", PhoneError::Empty),
        ("+", PhoneError::Empty),
        ("00", PhoneError::Empty),
        ("+86", PhoneError::Empty),
        ("转801", PhoneError::Empty),
        ("陈阿姨", PhoneError::Unreadable),
        ("anonymous", PhoneError::Unreadable),
        ("*9", PhoneError::Unreadable),
        ("0592;5551234", PhoneError::Unreadable),
        ("1234567890123456789012345", PhoneError::TooLong),
        ("short:@0592", PhoneError::Unreadable),
    ] {
        assert_eq!(normalise(text, &home()), Err(error), "{text}");
    }
    let nowhere = Home { area_code: "".into(), community: CommunityId(3) };
    assert_eq!(normalise("5551234", &nowhere), Err(PhoneError::NoAreaCode));
    assert_eq!(normalise("05925551234", &nowhere).unwrap().number.key(), "+865925551234");
    assert_eq!(normalise("12349", &nowhere).unwrap().number.key(), "short:12349@00");
}

#[test]
fn another_home_understands_other_numbers() {
    let beijing = Home { area_code: "010".into(), community: CommunityId(4) };
    for (text, key) in [
        ("65551234", "+861065551234"),
        ("12349", "short:12349@010"),
        ("801", "ext:801@4"),
        ("0592-5551234", "+865925551234"),
    ] {
        assert_eq!(normalise(text, &beijing).unwrap().number.key(), key, "{text}");
    }
}

proptest! {
    #[test]
    fn a_key_and_a_writing_read_back(text in "\\+?[0-9０-９ ()转x#-]{1,30}|\\PC{0,30}") {
        if let Ok(once) = normalise(&text, &home()) {
            let key = once.number.key();
            let by_key = normalise(key, &home()).unwrap();
            prop_assert_eq!(by_key.number.key(), key, "{}", text);
            let by_writing = normalise(once.number.written(), &home()).unwrap();
            prop_assert_eq!(by_writing, once);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Ok(read) = normalise(&text, &home()) {
            let _ = may_be_called(&read.number);
        }
    }
}
