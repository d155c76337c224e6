use super::*;
use crate::directory::{Address, Household, Language, Line, Street};
use crate::id::{CommunityId, GroupId, HouseholdId, LineId, StreetId};
use crate::phone::normalise;
use proptest::prelude::*;

/// The line of each household: `chen` dials codes, `hot` and `bare` are hotlines, `wang` lives in another community.
const CHEN: LineRef = place(1, 1);
const HOT: LineRef = place(1, 2);
const BARE: LineRef = place(1, 3);
const WANG: LineRef = place(2, 4);

const fn place(community: u32, id: u32) -> LineRef {
    LineRef { community: CommunityId(community), household: HouseholdId(id), line: LineId(id) }
}

fn household(id: u32, account: &str, number: &str, line_use: LineUse) -> Arc<Household> {
    Arc::new(Household {
        id: HouseholdId(id),
        group: GroupId(1),
        name: "陈阿姨".into(),
        address: Address::default(),
        pronunciation: None,
        position: 1,
        language: Language::Chinese,
        lines: vec![Line {
            id: LineId(id),
            number: normalise(number, &home()).unwrap().number,
            account: account.into(),
            line_use,
            is_silent: false,
            secrets: Vec::new(),
        }],
        contacts: Vec::new(),
        pins: crate::directory::Pins::default(),
    })
}

fn community(id: u32, codes: &[&str], households: Vec<Arc<Household>>) -> Community {
    Community {
        id: CommunityId(id),
        street: StreetId(1),
        name: "文园社区".into(),
        area_code: "0592".into(),
        language: Language::Chinese,
        time_zone: "Asia/Shanghai".into(),
        alarm_codes: codes.iter().map(|&code| code.into()).collect(),
        silent_codes: vec!["#9*".into()],
        arrival_code: "#97".into(),
        has_hand_over_calls: false,
        access_numbers: vec!["9000".into()],
        grids: Vec::new(),
        groups: Vec::new(),
        households,
        workers: Vec::new(),
        roster: Arc::default(),
        responders: Vec::new(),
        policies: Vec::new(),
    }
}

fn directory() -> Directory {
    let street = Street { id: StreetId(1), name: "文园".into() };
    let first = vec![
        household(1, "chen", "0592-5551234", LineUse::Code),
        household(2, "hot", "0592-5551235", LineUse::Hotline { grace_s: 5 }),
        household(3, "bare", "0592-5551236", LineUse::Hotline { grace_s: 0 }),
    ];
    let second = vec![household(4, "wang", "0592-5551237", LineUse::Code)];
    let codes = ["#9", "*9", "alarm", "9999", "0592-1234900"];
    Directory::new(
        1,
        vec![street],
        vec![
            community(1, &codes, first),
            Community {
                silent_codes: Vec::new(),
                arrival_code: "".into(),
                ..community(2, &["995"], second)
            },
        ],
    )
}

fn home() -> Home {
    Home { area_code: "0592".into(), community: CommunityId(1) }
}

fn rules() -> ReceptionRules {
    ReceptionRules {
        ordinary_calls: Some("sip:10.0.0.1".into()),
        call_back_numbers: vec!["05925550009".into()],
        recording_numbers: vec!["05925550008".into()],
    }
}

fn proven(account: &str) -> CallerKind<'_> {
    CallerKind::Proven { account }
}

fn unproven(account: &str, source_is_live_binding: bool) -> CallerKind<'_> {
    CallerKind::Unproven { account, source_is_live_binding }
}

fn heard(user: &str, caller: CallerKind<'_>) -> Verdict {
    hear(&Dialled { user, ..Dialled::default() }, caller, &directory(), &rules())
}

fn by_trunk(user: &str, identity: &str) -> Verdict {
    let caller =
        CallerKind::Trusted { identity: Some(identity), home: &home(), has_trusted_code: false };
    heard(user, caller)
}

fn alarm(line: LineRef, code: &str, proof: Proof) -> Verdict {
    Verdict::Alarm { line, heard: HeardCode::plain(code.into()), proof }
}

fn redirect() -> Verdict {
    Verdict::Redirect { to: "sip:10.0.0.1".into() }
}

/// Only a line that is proven, or somebody behind a trusted trunk, may try a PIN.
#[test]
fn a_worker_calls_to_record() {
    let chen = directory().line_by_account("chen").expect("a line");
    let line = |proof| Verdict::Recording { line: Some((chen, proof)), caller: None };
    assert_eq!(heard("5550008", proven("chen")), line(Proof::Digest));
    assert_eq!(by_trunk("05925550008", "05925551234"), line(Proof::Trunk));
    let caller = PhoneNumber::of_caller("13900000000", &home()).ok();
    let stranger = Verdict::Recording { line: None, caller };
    assert_eq!(by_trunk("05925550008", "13900000000"), stranger);
    for is_live in [true, false] {
        assert_eq!(heard("05925550008", unproven("chen", is_live)), Verdict::Forbidden);
    }
    // A hotline raises an alarm whatever it dials.
    assert!(matches!(heard("5550008", proven("hot")), Verdict::Hotline { .. }));
}

#[test]
fn a_code_of_the_community_raises_an_alarm() {
    for (user, code) in [
        ("#9", "#9"),
        ("*9", "*9"),
        ("alarm", "alarm"),
        ("ALARM", "alarm"),
        ("9999", "9999"),
        ("#9;phone-context=+86", "#9"),
        ("#9#", "#9"),
        ("*9#", "*9"),
        ("##9", "#9"),
        ("##9#", "#9"),
        ("05921234900", "0592-1234900"),
        ("+865921234900", "0592-1234900"),
        ("1234900", "0592-1234900"),
    ] {
        assert_eq!(heard(user, proven("chen")), alarm(CHEN, code, Proof::Digest), "{user}");
    }
    assert_eq!(heard("995", proven("wang")), alarm(WANG, "995", Proof::Digest));
}

#[test]
fn codes_are_those_of_the_calling_line() {
    assert_eq!(heard("995", proven("chen")), redirect());
    assert_eq!(heard("#9", proven("wang")), redirect());
    for user in ["#8", "9#", "#99", "##", "*#9", "1#9", "%239"] {
        assert_eq!(heard(user, proven("chen")), redirect(), "{user}");
    }
}

#[test]
fn a_hotline_raises_an_alarm_with_any_call() {
    let hotline = |line, grace_s| Verdict::Hotline { line, grace_s, proof: Proof::Digest };
    for user in ["", "9", "s", "hotline", "9000", "05925551234"] {
        assert_eq!(heard(user, proven("hot")), hotline(HOT, 5), "{user}");
        assert_eq!(heard(user, proven("bare")), hotline(BARE, 0), "{user}");
    }
    assert_eq!(heard("#9", proven("hot")), alarm(HOT, "#9", Proof::Digest), "no grace");
    assert_eq!(heard("110", proven("hot")), redirect());
    let dialled = Dialled { user: "110", ..Dialled::default() };
    let without = hear(&dialled, proven("hot"), &directory(), &ReceptionRules::default());
    assert_eq!(without, hotline(HOT, 5), "better the neighbours than nobody");
}

#[test]
fn other_lines_raise_none_with_a_nine_or_nothing() {
    assert_eq!(heard("", proven("chen")), Verdict::NotFound);
    assert_eq!(heard("9", proven("chen")), Verdict::Incomplete, "9999 and 9000 begin so");
    assert_eq!(heard("s", proven("chen")), redirect());
}

#[test]
fn the_beginning_of_a_code_is_incomplete() {
    for user in ["#", "*", "9", "99", "999", "al", "90", "900", "0592-1"] {
        assert_eq!(heard(user, proven("chen")), Verdict::Incomplete, "{user}");
    }
    for user in ["9", "99"] {
        assert_eq!(heard(user, proven("wang")), Verdict::Incomplete, "{user}");
    }
    assert_eq!(heard("#", proven("wang")), redirect());
}

#[test]
fn an_access_number_is_answered() {
    for number in ["9000", "05925550009"] {
        let access = |proof| Verdict::Access { line: CHEN, proof };
        assert_eq!(heard(number, proven("chen")), access(Proof::Digest));
        assert_eq!(by_trunk(number, "05925551234"), access(Proof::Trunk));
        assert_eq!(heard(number, unproven("chen", true)), Verdict::Forbidden);
        assert_eq!(heard(number, proven("nobody")), Verdict::Forbidden);
    }
}

#[test]
fn anybody_may_call_back() {
    let mobile = PhoneNumber::of_caller("13800138000", &home()).ok();
    let check = |user, identity, caller: &Option<PhoneNumber>, community| {
        let expected = Verdict::CallBack { caller: caller.clone(), community };
        assert_eq!(by_trunk(user, identity), expected, "{user} {identity}");
    };
    for own in ["05925550009", "+865925550009", "5550009"] {
        for identity in ["13800138000", "+8613800138000"] {
            check(own, identity, &mobile, None);
        }
        check(own, "anonymous", &None, None);
    }
    check("9000", "13800138000", &mobile, Some(CommunityId(1)));
    let withheld = CallerKind::Trusted { identity: None, home: &home(), has_trusted_code: false };
    let expected = Verdict::CallBack { caller: None, community: None };
    assert_eq!(heard("05925550009", withheld), expected);
    assert_eq!(by_trunk("05925550007", "13800138000"), Verdict::NotFound);
}

#[test]
fn a_digit_behind_the_code_names_the_kind_and_a_star_makes_it_silent() {
    for (user, code, matter, is_silent) in [
        ("#91", "#9", Some(AlarmKind::Fire), false),
        ("#92#", "#9", Some(AlarmKind::Intruder), false),
        ("##93", "#9", Some(AlarmKind::Illness), false),
        ("*94", "*9", Some(AlarmKind::Other), false),
        ("#95", "#9", Some(AlarmKind::Flood), false),
        ("#9*", "#9*", None, true),
        ("#9*#", "#9*", None, true),
        ("#9*2", "#9*", Some(AlarmKind::Intruder), true),
    ] {
        for (caller, proof) in
            [(proven("chen"), Proof::Digest), (unproven("chen", true), Proof::Weak)]
        {
            let heard_it = HeardCode { code: code.into(), matter, is_silent };
            let expected = Verdict::Alarm { line: CHEN, heard: heard_it, proof };
            assert_eq!(heard(user, caller), expected, "{user}");
        }
    }
    // Another digit is another number, and so is a digit behind a code of digits.
    for user in ["#96", "#98", "#99", "#90", "#911", "99991", "#9*7"] {
        assert_eq!(heard(user, proven("chen")), redirect(), "{user}");
    }
}

#[test]
fn the_arrival_code_is_no_alarm() {
    let arrival = |line, proof| Verdict::Arrival { line, proof };
    for user in ["#97", "##97", "#97#"] {
        assert_eq!(heard(user, proven("chen")), arrival(CHEN, Proof::Digest), "{user}");
        assert_eq!(heard(user, proven("hot")), arrival(HOT, Proof::Digest), "{user}");
        assert_eq!(by_trunk(user, "05925551234"), arrival(CHEN, Proof::Trunk), "{user}");
        assert_eq!(heard(user, unproven("chen", true)), Verdict::Forbidden, "{user}");
    }
    let home = home();
    let caller =
        CallerKind::Trusted { identity: Some("5551234"), home: &home, has_trusted_code: true };
    let dialled = Dialled { user: "sos", alarm_code: Some("#97"), is_diverted: false };
    let verdict = hear(&dialled, caller, &directory(), &rules());
    assert_eq!(verdict, arrival(CHEN, Proof::Trunk), "by an edge");
}

/// Where a code could mean both, it is the alarm.
#[test]
fn an_alarm_goes_before_an_arrival() {
    for (arrival_code, user, expected) in [
        (
            "#91",
            "#91",
            HeardCode { matter: Some(AlarmKind::Fire), ..HeardCode::plain("#9".into()) },
        ),
        ("#9", "#9", HeardCode::plain("#9".into())),
        ("#9*", "#9*", HeardCode { is_silent: true, ..HeardCode::plain("#9*".into()) }),
    ] {
        let chen = vec![household(1, "chen", "0592-5551234", LineUse::Code)];
        let community =
            Community { arrival_code: arrival_code.into(), ..community(1, &["#9"], chen) };
        let directory = Directory::new(1, Vec::new(), vec![community]);
        let dialled = Dialled { user, ..Dialled::default() };
        let verdict = hear(&dialled, proven("chen"), &directory, &rules());
        let proof = Proof::Digest;
        assert_eq!(verdict, Verdict::Alarm { line: CHEN, heard: expected, proof }, "{user}");
    }
}

#[test]
fn other_numbers_of_a_line_go_where_ordinary_calls_go() {
    for user in ["110", "119", "120", "122", "12345", "05925550000", "13800138000", "10086"] {
        assert_eq!(heard(user, proven("chen")), redirect(), "{user}");
        let dialled = Dialled { user, ..Dialled::default() };
        let without = hear(&dialled, proven("chen"), &directory(), &ReceptionRules::default());
        assert_eq!(without, Verdict::NotFound, "{user}");
        assert_eq!(by_trunk(user, "05925551234"), Verdict::NotFound, "{user}");
    }
}

#[test]
fn an_emergency_number_is_never_incomplete() {
    let codes = ["1109", "#9"];
    let chen = vec![household(1, "chen", "0592-5551234", LineUse::Code)];
    let directory = Directory::new(1, Vec::new(), vec![community(1, &codes, chen)]);
    let hear =
        |user| hear(&Dialled { user, ..Dialled::default() }, proven("chen"), &directory, &rules());
    assert_eq!(hear("110"), redirect());
    assert_eq!(hear("11"), Verdict::Incomplete);
    assert_eq!(hear("1109"), alarm(CHEN, "1109", Proof::Digest));
}

#[test]
fn a_trunk_names_the_line_in_any_form() {
    for identity in [
        "+865925551234",
        "865925551234",
        "05925551234",
        "0592-5551234",
        "5551234",
        "00865925551234",
        "chen",
    ] {
        let expected = alarm(CHEN, "#9", Proof::Trunk);
        assert_eq!(by_trunk("#9", identity), expected, "{identity}");
    }
    for identity in ["05925559999", "5551238", "anonymous", "", "+8605925551234567"] {
        assert_eq!(by_trunk("#9", identity), Verdict::NotFound, "{identity}");
    }
    let nobody = CallerKind::Trusted { identity: None, home: &home(), has_trusted_code: true };
    assert_eq!(heard("#9", nobody), Verdict::NotFound);
}

#[test]
fn only_an_edge_of_ours_is_believed_its_code() {
    let check = |has_trusted_code, alarm_code: Option<&str>, expected| {
        let caller =
            CallerKind::Trusted { identity: Some("5551237"), home: &home(), has_trusted_code };
        let dialled = Dialled { user: "sos", alarm_code, is_diverted: false };
        let verdict = hear(&dialled, caller, &directory(), &rules());
        assert_eq!(verdict, expected, "{has_trusted_code} {alarm_code:?}");
    };
    check(true, Some("#9"), alarm(WANG, "#9", Proof::Trunk));
    check(true, Some(" %239 "), alarm(WANG, "#9", Proof::Trunk));
    check(true, Some(""), Verdict::NotFound);
    check(true, None, Verdict::NotFound);
    check(false, Some("#9"), Verdict::NotFound);
    let dialled = Dialled { user: "sos", alarm_code: Some("#9"), is_diverted: false };
    assert_eq!(hear(&dialled, proven("chen"), &directory(), &rules()), redirect());
}

#[test]
fn a_line_that_is_not_proven_raises_a_weak_alarm_from_its_own_binding_alone() {
    assert_eq!(heard("#9", unproven("chen", true)), alarm(CHEN, "#9", Proof::Weak));
    assert_eq!(heard("#9", unproven("chen", false)), Verdict::Forbidden);
    assert_eq!(heard("#9", unproven("nobody", true)), Verdict::Forbidden);
    for user in ["", "9", "#", "9000", "110", "05925550000"] {
        assert_eq!(heard(user, unproven("chen", true)), Verdict::Forbidden, "{user}");
    }
    let weak = Verdict::Hotline { line: HOT, grace_s: 5, proof: Proof::Weak };
    assert_eq!(heard("", unproven("hot", true)), weak);
    assert_eq!(heard("", unproven("hot", false)), Verdict::Forbidden);
}

#[test]
fn a_forwarded_call_raises_nothing() {
    let trunk =
        CallerKind::Trusted { identity: Some("5551234"), home: &home(), has_trusted_code: true };
    for caller in [proven("chen"), proven("hot"), trunk, unproven("chen", true)] {
        let dialled = Dialled { user: "#9", alarm_code: Some("#9"), is_diverted: true };
        assert_eq!(hear(&dialled, caller, &directory(), &rules()), Verdict::Forbidden);
    }
}

#[test]
fn a_line_that_was_deleted_raises_nothing() {
    assert_eq!(heard("#9", proven("gone")), Verdict::Forbidden);
}

proptest! {
    #[test]
    fn strangers_raise_nothing(user in "\\PC{0,12}|[#*0-9]{0,6}", identity in "\\PC{0,20}|[0-9+]{0,15}") {
        let is_line = ["555123", "chen", "hot", "bare", "wang"].iter().any(|known| {
            let plain: String = identity.chars().filter(|c| c.is_alphanumeric()).collect();
            plain.contains(known)
        });
        prop_assume!(!is_line);
        let home = home();
        let trunk = CallerKind::Trusted { identity: Some(&identity), home: &home, has_trusted_code: true };
        for caller in [trunk, proven(&identity), unproven(&identity, true)] {
            let dialled = Dialled { user: &user, alarm_code: Some("#9"), is_diverted: false };
            let verdict = hear(&dialled, caller, &directory(), &rules());
            let raises = matches!(verdict, Verdict::Alarm { .. } | Verdict::Hotline { .. });
            prop_assert!(!raises, "{verdict:?}");
        }
    }
}
