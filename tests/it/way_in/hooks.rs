//! Callbacks of SMS providers: signed over the public address, whatever the request itself says where it is.

use super::{Program, tls_section};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const AUTH_TOKEN: &str = "12345678901234567890123456789012";
const PUBLIC: &str = "https://public.example";

fn signature(url: &str, fields: &[(&str, &str)]) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(AUTH_TOKEN.as_bytes()).expect("any key");
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn signatures_are_checked_against_the_public_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let (section, trusted) = tls_section(folder.path());
    let text = format!(
        "public_base_url = \"{PUBLIC}\"\n{section}\n[[sms]]\nname = \"sms\"\nbase_url = \"http://127.0.0.1:9\"\n\
        account_sid = \"AC00000000000000000000000000000000\"\nauth_token = \"{AUTH_TOKEN}\"\nfrom = \"+8610000\"\n"
    );
    let program = Program::start(folder, &text).await;
    // In the order of their names, as they are signed.
    let fields = [("Body", "1"), ("From", "+8613800000302"), ("MessageSid", "SM1")];
    let path = "/hooks/sms/sms/reply";
    let post = async |signed_url: &str| {
        let ask = program.ask("POST", path).trusting(&trusted);
        let ask =
            ask.header("X-Forwarded-Host", "public.example").header("X-Forwarded-Proto", "https");
        let ask = ask.header("X-Twilio-Signature", &signature(signed_url, &fields));
        ask.form(&fields).send().await.status
    };
    assert_eq!(post(&format!("{PUBLIC}{path}")).await, 200);
    // Where the request went to by its own account: nobody but the provider could have signed it, but not for us.
    assert_eq!(post(&format!("https://{}{path}", super::HOST)).await, 403);
    assert_eq!(post(&format!("https://{}{path}", program.address)).await, 403);
    assert_eq!(post("").await, 403);
}
