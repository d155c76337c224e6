//! Behind Caddy as `packaging/Caddyfile` sets it up.

use super::front::{Front, Site};
use std::process::Stdio;
use tokio::process::Command;

/// The sites are those of the file: their ports, on this machine alone, stand above them, and a certificate that nobody has
/// to be asked for stands in the one that has one.
fn caddy(site: &Site) -> Command {
    let Site { place, https, http, service, certificate, key } = site;
    let described = include_str!("../../../packaging/Caddyfile");
    let secured = "\nalarm.example {\n";
    assert!(described.contains(secured) && described.contains("127.0.0.1:8080"), "{described}");
    let tls = format!("{secured}\ttls {} {}\n", certificate.display(), key.display());
    let sites = described.replace(secured, &tls).replace("127.0.0.1:8080", &service.to_string());
    let (https, http) = (https.port(), http.port());
    let text = format!(
        "{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port {http}\n\thttps_port {https}\n}}\n{sites}"
    );
    let file = place.join("Caddyfile");
    std::fs::write(&file, text).expect("written");
    let errors = std::fs::File::create(place.join("errors")).expect("a file");
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    for kept in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(kept, place);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    command
}

#[tokio::test]
async fn caddy_tells_truly_who_asks_and_how() {
    let Some(front) = Front::start("caddy", caddy).await else { return };
    front.tells_truly_who_asks_and_how().await;
}

#[tokio::test]
async fn caddy_lets_files_in_and_holds_no_news_back() {
    let Some(front) = Front::start("caddy", caddy).await else { return };
    front.lets_files_in_and_holds_no_news_back().await;
}
