//! What Chromium's tools for developers do beside what a person can: other media, a slow network, paper, what a screen reader
//! is given.

use crate::browser::{Browser, LONGEST};
use lianfang_loadtest::api::http_client;
use serde_json::{Value, json};

impl Browser {
    /// Gives a command to the tools of the page that is open.
    pub(crate) async fn tool(&self, command: &str, parameters: Value) -> Value {
        let session = self.client.session_id().await.expect("is known").expect("is there");
        let address = format!("{}/session/{session}/goog/cdp/execute", self.address);
        let asked = http_client(LONGEST).expect("builds").post(address);
        let asked = asked.json(&json!({"cmd": command, "params": parameters})).send();
        let answer = asked.await.expect("is answered");
        let mut answer: Value = answer.json().await.expect("is JSON");
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].take()
    }

    /// Shows the page as on this medium, `print` say, and as people like it who have asked for dark pages.
    pub(crate) async fn shows_as(&self, medium: &str, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tool("Emulation.setEmulatedMedia", json!({"media": medium, "features": features}))
            .await;
    }
}
