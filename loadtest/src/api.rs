//! The service's admin API, as a client that waits.

use anyhow::Context as _;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An HTTP client.
///
/// # Errors
/// When TLS cannot be set up.
pub fn http_client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    set_up_tls();
    client_builder(timeout).build().context("cannot build an HTTP client")
}

fn set_up_tls() {
    // Fails only when somebody chose a provider before us, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client_builder(timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(timeout).tcp_nodelay(true).no_proxy()
}

/// A client of the admin API.
#[derive(Debug)]
pub struct Api {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// A client of the service at `address`; an empty token is left out.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        set_up_tls();
        // The service ends idle connections, and between two requests nobody here would notice.
        let http = client_builder(TIMEOUT).pool_max_idle_per_host(0).build();
        let http = http.context("cannot build an HTTP client")?;
        Ok(Self { runtime, http, base: format!("http://{address}"), token: token.to_owned() })
    }

    /// `GET path`: status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.send(self.http.get(format!("{}{path}", self.base)))
    }

    /// `GET path` as JSON.
    ///
    /// # Errors
    /// When there is no answer, or it is no success or no JSON.
    pub fn get_json(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.get(path)?;
        anyhow::ensure!(status == 200, "GET {path} was answered with {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("GET {path} gave no JSON: {body}"))
    }

    /// `POST path` with JSON: status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, String)> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body))
    }

    /// `PUT path` with JSON: status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<(u16, String)> {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body))
    }

    /// Raises an alarm, as a PBX does that heard the code itself; `key` names the press.
    ///
    /// # Errors
    /// When there is no answer, or the alarm is not raised.
    pub fn press(&self, account: &str, code: &str, key: &str) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/api/v1/triggers", self.base));
        let body = serde_json::json!({"account": account, "code": code});
        let (status, body) = self.send(request.header("Idempotency-Key", key).json(&body))?;
        anyhow::ensure!(
            matches!(status, 200 | 201),
            "the press was answered with {status}: {body}"
        );
        serde_json::from_str(&body).with_context(|| format!("the press gave no JSON: {body}"))
    }

    fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<(u16, String)> {
        let request = match self.token.as_str() {
            "" => request,
            token => request.bearer_auth(token),
        };
        self.runtime.block_on(async {
            let answer = request.send().await.context("the service does not answer")?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await.context("the answer broke off")?))
        })
    }

    /// The alarms, the latest first.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn alarms(&self) -> anyhow::Result<Vec<Value>> {
        let mut page = self.get_json("/api/v1/alarms?limit=200")?;
        Ok(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// One alarm with its timeline.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn alarm(&self, id: &str) -> anyhow::Result<Value> {
        self.get_json(&format!("/api/v1/alarms/{id}"))
    }

    /// The words of an alarm's timeline in a language, each with its kind and its milliseconds since the alarm was raised.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn timeline(&self, id: &str, language: &str) -> anyhow::Result<Vec<(String, i64, String)>> {
        let request = self.http.get(format!("{}/api/v1/alarms/{id}", self.base));
        let (status, body) = self.send(request.header("Accept-Language", language))?;
        anyhow::ensure!(status == 200, "the alarm was answered with {status}: {body}");
        let alarm: Value = serde_json::from_str(&body)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let moments = alarm["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tell = |moment: &Value| {
            let since = moment["since_raised_ms"].as_i64().unwrap_or_default();
            (text(&moment["event"]["kind"]), since, text(&moment["text"]))
        };
        Ok(moments.iter().map(tell).collect())
    }

    /// A quantile of a histogram of `/metrics`, in milliseconds: the upper bound of the bucket where it falls. `None` when
    /// nothing was measured or it falls beyond the last bucket.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn quantile_ms(&self, histogram: &str, quantile: f64) -> anyhow::Result<Option<f64>> {
        let (status, text) = self.get("/metrics")?;
        anyhow::ensure!(status == 200, "/metrics was answered with {status}");
        Ok(quantile_ms(&text, histogram, quantile))
    }
}

fn quantile_ms(text: &str, histogram: &str, quantile: f64) -> Option<f64> {
    let start = format!("{histogram}_bucket{{");
    let mut buckets = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(&start)) {
        let (labels, count) = line.rsplit_once(' ')?;
        let bound = labels.split("le=\"").nth(1)?.split('"').next()?;
        buckets.push((bound.parse::<f64>().ok(), count.parse::<f64>().ok()?));
    }
    let (_, total) = buckets.last().copied().filter(|(_, total)| 0.0 < *total)?;
    let (bound, _) = buckets.into_iter().find(|(_, count)| quantile * total <= *count)?;
    bound.filter(|bound| bound.is_finite()).map(|bound| bound * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_from_buckets() {
        let text = "# TYPE a histogram\na_bucket{le=\"0.001\"} 50\na_bucket{le=\"0.002\"} 98\na_bucket{le=\"+Inf\"} 100\na_sum 1\na_count 100\nb_bucket{le=\"+Inf\"} 0\n";
        for (histogram, quantile, expected) in [
            ("a", 0.5, Some(1.0)),
            ("a", 0.95, Some(2.0)),
            ("a", 0.99, None),
            ("b", 0.5, None),
            ("c", 0.5, None),
        ] {
            assert_eq!(quantile_ms(text, histogram, quantile), expected, "{histogram} {quantile}");
        }
    }
}
