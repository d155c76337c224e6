//! Accounts over a real database.

use super::password::PasswordFault;
use super::sessions::{self, IDLE_MAX, LASTS};
use super::*;
use crate::store::Store;
use crate::store::audit;
use crate::store::nouns::Fault;
use jiff::SignedDuration;
use lianfang_domain::id::{CommunityId, StreetId};

const PHC: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aaaa";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn draft(name: &str, role: Role) -> AccountDraft {
    AccountDraft {
        name: name.to_owned(),
        display_name: "王敏".to_owned(),
        role,
        reach: Reach::Everything,
        worker_id: None,
        responder_id: None,
        language: Some(Language::English),
        is_disabled: false,
        password: None,
    }
}

async fn store() -> Store {
    let store = Store::open_in_memory().await.expect("opens");
    let mut change = store.directory().write().await.expect("begins");
    sqlx::raw_sql(
        "INSERT INTO street (id, name) VALUES (1, '街');
        INSERT INTO community (id, street_id, name, area_code) VALUES (1, 1, '甲', '0592'), (2, 1, '乙', '0592');
        INSERT INTO worker (id, community_id, name) VALUES (7, 1, '李强'), (8, 2, '王红');",
    )
    .execute(&mut *change)
    .await
    .expect("writes");
    change.commit().await.expect("commits");
    store
}

async fn made(store: &Store, draft: &AccountDraft) -> Account {
    let editor = store.directory().edited_by("cli:test", at(1));
    create(&editor, draft, (PHC, false)).await.expect("makes")
}

fn faults(result: Result<impl Sized, AccountError>) -> Vec<(String, Fault)> {
    match result {
        Err(AccountError::Row(NounError::Faulty(faults))) => {
            faults.into_iter().map(|field| (field.pointer, field.fault)).collect()
        }
        Ok(_) => Vec::new(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_written_is_read_and_names_are_one_in_any_case() {
    let store = store().await;
    assert!(!any(store.directory()).await.unwrap());
    let wanted = AccountDraft {
        reach: Reach::Community(CommunityId(1)),
        worker_id: Some(WorkerId(7)),
        ..draft("WangMin", Role::Operator)
    };
    let account = made(&store, &wanted).await;
    assert_eq!(account, get(store.directory(), account.id).await.unwrap());
    assert_eq!((&*account.name, account.version, account.must_change), ("WangMin", 1, false));
    assert_eq!((account.reach, account.worker_id), (wanted.reach, Some(WorkerId(7))));
    let found = by_name(store.directory(), " wANGmIN ").await.unwrap().expect("is there");
    assert_eq!((found.account, &*found.password), (account, PHC));
    assert!(by_name(store.directory(), "wangmi").await.unwrap().is_none());
    let editor = store.directory().edited_by("cli:test", at(2));
    let again = create(&editor, &draft("WANGMIN", Role::Admin), (PHC, true)).await;
    assert_eq!(faults(again), [("/name".to_owned(), Fault::Taken)]);
    assert_eq!(list(store.directory(), AccountFilter::default(), 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_mistake_is_named() {
    let store = store().await;
    let editor = store.directory().edited_by("cli:test", at(1));
    let wrong = AccountDraft {
        display_name: " ".to_owned(),
        reach: Reach::Street(StreetId(9)),
        ..draft("a b", Role::Admin)
    };
    let found = faults(create(&editor, &wrong, (PHC, false)).await);
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(pointers, ["/name", "/display_name", "/reach/id"]);
    // A worker of another community is nobody whom this account could be.
    let other = AccountDraft {
        reach: Reach::Community(CommunityId(1)),
        worker_id: Some(WorkerId(8)),
        responder_id: Some(ResponderId(1)),
        ..draft("someone", Role::Responder)
    };
    let found = faults(create(&editor, &other, (PHC, false)).await);
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(pointers, ["/responder_id", "/worker_id", "/responder_id"]);
    assert!(password::fault("short", "someone") == Some(PasswordFault::Short));
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_no_longer_than_a_month() {
    let store = store().await;
    let account = made(&store, &draft("root", Role::Admin)).await;
    let database = store.directory();
    let new = sessions::begin(database, &account, "Firefox\n", at(100)).await.unwrap();
    assert!(new.secret.starts_with("lfs_") && new.secret.len() == 47, "{}", new.secret);
    let session = sessions::verify(database, &new.secret, at(101)).await.unwrap().expect("lasts");
    assert_eq!((session.account.id, &*session.view.client), (account.id, "Firefox"));
    let idle = at(100) + IDLE_MAX;
    assert_eq!(session.ends(), idle);
    let second = SignedDuration::from_secs(1);
    assert!(sessions::verify(database, &new.secret, idle - second).await.unwrap().is_some());
    assert!(sessions::verify(database, &new.secret, idle).await.unwrap().is_none());
    sessions::seen(database, new.id, idle - second).await.unwrap();
    assert!(sessions::verify(database, &new.secret, idle).await.unwrap().is_some());
    let end = at(100) + LASTS;
    sessions::seen(database, new.id, end).await.unwrap();
    assert!(sessions::verify(database, &new.secret, end - second).await.unwrap().is_some());
    assert!(sessions::verify(database, &new.secret, end).await.unwrap().is_none());
    for wrong in ["", "lfs_", &new.secret[1..], &new.secret.replace("lfs_", "lft_")] {
        assert!(sessions::verify(database, wrong, at(101)).await.unwrap().is_none(), "{wrong}");
    }
    let kept: String =
        sqlx::query_scalar("SELECT group_concat(secret_sha256) FROM account_session")
            .fetch_one(database.reader())
            .await
            .unwrap();
    assert!(!kept.contains(&new.secret[4..]), "no secret stands in the database");
}

#[tokio::test]
async fn who_signs_out_stays_a_known_device_and_who_is_ended_does_not() {
    let store = store().await;
    let account = made(&store, &draft("root", Role::Admin)).await;
    let database = store.directory();
    let one = sessions::begin(database, &account, "", at(100)).await.unwrap();
    let two = sessions::begin(database, &account, "", at(100)).await.unwrap();
    assert_eq!(sessions::of_account(database, account.id, at(101)).await.unwrap().len(), 2);
    sessions::sign_out(database, one.id, at(102)).await.unwrap();
    assert!(sessions::verify(database, &one.secret, at(103)).await.unwrap().is_none());
    let known = sessions::was_of(database, &one.secret, (account.id, at(103))).await.unwrap();
    assert_eq!(known, Some(one.id));
    let other = sessions::was_of(database, &one.secret, (AccountId(9), at(103))).await.unwrap();
    assert_eq!(other, None);
    assert_eq!(sessions::end(database, account.id, Some(two.id)).await.unwrap(), 1);
    let ended = sessions::was_of(database, &two.secret, (account.id, at(103))).await.unwrap();
    assert_eq!(ended, None);
    for _ in 0..30 {
        sessions::begin(database, &account, "", at(104)).await.unwrap();
    }
    assert_eq!(sessions::of_account(database, account.id, at(105)).await.unwrap().len(), 20);
}

#[tokio::test]
async fn sessions_end_with_the_rights() {
    type Change = fn(AccountDraft) -> AccountDraft;
    let changes: [(&str, Change, bool); 5] = [
        ("disabled", |draft| AccountDraft { is_disabled: true, ..draft }, true),
        ("role", |draft| AccountDraft { role: Role::Auditor, ..draft }, true),
        ("reach", |draft| AccountDraft { reach: Reach::Street(StreetId(1)), ..draft }, true),
        ("person", |draft| AccountDraft { worker_id: Some(WorkerId(7)), ..draft }, true),
        ("called", |draft| AccountDraft { display_name: "小王".to_owned(), ..draft }, false),
    ];
    let store = store().await;
    let database = store.directory();
    let editor = database.edited_by("token:root", at(3));
    for (name, change, ends) in changes {
        let before = draft(name, Role::Operator);
        let account = made(&store, &before).await;
        let session = sessions::begin(database, &account, "", at(2)).await.unwrap();
        let after = replace(&editor, (account.id, 1), &change(before)).await.expect(name);
        assert_eq!(after.version, 2);
        let left = sessions::verify(database, &session.secret, at(4)).await.unwrap();
        assert_eq!(left.is_none(), ends, "{name}");
        let old = sessions::begin(database, &account, "", at(5)).await;
        assert!(matches!(old, Err(AccountError::Row(NounError::NotFound))), "{name}: it changed");
    }
    let account = made(&store, &draft("root", Role::Admin)).await;
    let one = sessions::begin(database, &account, "", at(2)).await.unwrap();
    let two = sessions::begin(database, &account, "", at(2)).await.unwrap();
    set_password(&editor, account.id, (PHC, true), Some(two.id)).await.unwrap();
    assert!(sessions::verify(database, &one.secret, at(4)).await.unwrap().is_none());
    let two = sessions::verify(database, &two.secret, at(4)).await.unwrap().expect("is kept");
    assert!(two.account.must_change);
    let gone = set_password(&editor, AccountId(99), (PHC, true), None).await;
    assert!(matches!(gone, Err(AccountError::Row(NounError::NotFound))));
}

#[tokio::test]
async fn the_last_admin_stays() {
    let store = store().await;
    let editor = store.directory().edited_by("cli:test", at(3));
    let root = draft("root", Role::Admin);
    let account = made(&store, &root).await;
    let narrow = AccountDraft { reach: Reach::Street(StreetId(1)), ..draft("lin", Role::Admin) };
    made(&store, &narrow).await;
    let id = (account.id, 1);
    assert!(matches!(delete(&editor, id).await, Err(AccountError::LastAdmin)));
    for change in [
        AccountDraft { is_disabled: true, ..root.clone() },
        AccountDraft { role: Role::Operator, ..root.clone() },
        AccountDraft { reach: Reach::Street(StreetId(1)), ..root.clone() },
    ] {
        let refused = replace(&editor, id, &change).await;
        assert!(matches!(refused, Err(AccountError::LastAdmin)), "{refused:?}");
    }
    made(&store, &draft("second", Role::Admin)).await;
    delete(&editor, id).await.expect("another one is there");
    let gone = get(store.directory(), account.id).await;
    assert!(matches!(gone, Err(AccountError::Row(NounError::NotFound))));
    let changed = replace(&editor, (AccountId(2), 7), &narrow).await;
    assert!(matches!(changed, Err(AccountError::Row(NounError::Changed { current: 1 }))));
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let store = store().await;
    let database = store.directory();
    let account = made(&store, &draft("root", Role::Admin)).await;
    assert!(account.needs_second_factor());
    let editor = database.edited_by("account:1", at(3));
    let salt = begin_totp(&editor, account.id).await.unwrap();
    let session = sessions::begin(database, &account, "", at(3)).await.unwrap();
    assert!(keep_totp(&editor, account.id, ("other", 5), session.id).await.unwrap().is_none());
    let codes = keep_totp(&editor, account.id, (&salt, 5), session.id).await.unwrap();
    let codes = codes.expect("is kept");
    let with = get(database, account.id).await.unwrap();
    assert_eq!((with.has_second_factor, with.recovery_codes, with.version), (true, 10, 2));
    for (step, wanted) in [(5, false), (4, false), (6, true), (6, false), (7, true)] {
        assert_eq!(use_totp(database, account.id, step).await.unwrap(), wanted, "{step}");
    }
    assert!(use_recovery_code(database, account.id, &codes[3].to_uppercase()).await.unwrap());
    assert!(!use_recovery_code(database, account.id, &codes[3]).await.unwrap());
    assert!(!use_recovery_code(database, AccountId(9), &codes[4]).await.unwrap());
    assert_eq!(get(database, account.id).await.unwrap().recovery_codes, 9);
    remove_totp(&editor, account.id, None).await.unwrap();
    let without = get(database, account.id).await.unwrap();
    assert_eq!((without.has_second_factor, without.recovery_codes), (false, 0));
    assert!(sessions::verify(database, &session.secret, at(4)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_trail_has_ids_and_stays_whole_while_codes_are_used() {
    let store = store().await;
    let database = store.directory();
    let account = made(&store, &draft("wangmin", Role::Admin)).await;
    let editor = database.edited_by("account:1", at(3));
    set_password(&editor, account.id, (PHC, false), None).await.unwrap();
    let account = get(database, account.id).await.unwrap();
    let session = sessions::begin(database, &account, "", at(3)).await.unwrap();
    let salt = begin_totp(&editor, account.id).await.unwrap();
    keep_totp(&editor, account.id, (&salt, 5), session.id).await.unwrap().expect("is kept");
    use_totp(database, account.id, 9).await.unwrap();
    begin_totp(&editor, account.id).await.unwrap();
    let entries = audit::entries_after(database, 1, 100).await.unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| (&*entry.actor, &*entry.action, &*entry.noun)).collect();
    let secret = ("account:1", "secret", "account");
    assert_eq!(told, [("cli:test", "create", "account"), secret, secret]);
    let text = format!("{entries:?}");
    assert!(!text.contains("wangmin") && !text.contains("王敏"), "{text}");
    let mut reader = database.reader().acquire().await.unwrap();
    let mut nothing = |_| {};
    let check = audit::verify(&mut reader, audit::Chain::Directory, &[], &mut nothing).await;
    let found = check.unwrap();
    let of_account: Vec<_> =
        found.faults.iter().filter(|fault| fault.to_string().contains("account")).collect();
    assert!(of_account.is_empty(), "{of_account:?}");
    drop(reader);
    let mut change = database.write().await.unwrap();
    sqlx::query("UPDATE account SET role = 'auditor'").execute(&mut *change).await.unwrap();
    change.commit().await.unwrap();
    let mut reader = database.reader().acquire().await.unwrap();
    let check = audit::verify(&mut reader, audit::Chain::Directory, &[], &mut nothing).await;
    let found = check.unwrap();
    assert!(found.faults.iter().any(|fault| fault.to_string().contains("account")), "{found}");
}
