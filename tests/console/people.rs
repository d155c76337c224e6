//! People who sign in, with the second factor where their role needs it.

use crate::browser::Browser;
use crate::stage::{PASSWORD, Stage};
use hmac::{Hmac, KeyInit, Mac};
use lianfang::clock::Clock;
use sha1::Sha1;

/// Signs in on the page that the browser is at.
pub(crate) async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.fill("name", name).await;
    browser.fill("password", password).await;
    browser.press("main button.main").await;
}

/// Somebody new of this role, who is called like it, signs in.
pub(crate) async fn arrives(browser: &Browser, stage: &Stage, role: &str) {
    stage.person(role, role);
    browser.goto(&stage.page("/login")).await;
    sign_in(browser, role, PASSWORD).await;
    if role == "admin" {
        sets_up_the_second_factor(browser, PASSWORD).await;
    } else {
        browser.find("nav.places").await;
    }
}

/// Another admin signs in, who first has to choose a password.
pub(crate) async fn joins(browser: &Browser, stage: &Stage, name: &str) {
    const OTHER: &str = "seven loud magpies";
    stage.person(name, "admin");
    browser.goto(&stage.page("/login")).await;
    sign_in(browser, name, PASSWORD).await;
    for (name, text) in [("old", PASSWORD), ("new", OTHER), ("again", OTHER)] {
        browser.fill(name, text).await;
    }
    browser.press("main button.main").await;
    browser.goto(&stage.page("/second-factor")).await;
    sets_up_the_second_factor(browser, OTHER).await;
}

async fn sets_up_the_second_factor(browser: &Browser, password: &str) {
    browser.find("main form[action='/second-factor'] [name='password']").await;
    browser.fill("password", password).await;
    browser.press("main button.main").await;
    let key = browser.find("main kbd").await.text().await.expect("is shown");
    browser.fill("code", &code_of(&key)).await;
    browser.press("main button.main").await;
    browser.find("main ul kbd").await;
}

/// What an authenticator shows now for a key in base32 (RFC 6238).
fn code_of(key: &str) -> String {
    let digits = key.bytes().filter_map(|letter| match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'2'..=b'7' => Some(u32::from(letter - b'2') + 26),
        _ => None,
    });
    let (mut secret, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for digit in digits {
        (bits, held) = ((bits << 5) | digit, held + 5);
        if 8 <= held {
            held -= 8;
            secret.push(u8::try_from((bits >> held) & 0xff).expect("a byte"));
            bits &= (1 << held) - 1;
        }
    }
    let step = u64::try_from(Clock::system().now().as_second() / 30).expect("after 1970");
    let mut mac = Hmac::<Sha1>::new_from_slice(&secret).expect("any length will do");
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 0xf);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes"));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}
