//! Behind nginx as `packaging/nginx.conf` sets it up.

use super::front::{Front, Site};
use std::process::Stdio;
use tokio::process::Command;

fn nginx(site: &Site) -> Command {
    let Site { place, https, http, service, certificate, key } = site;
    let text = include_str!("../../../packaging/nginx.conf")
        .replace("listen 443 ssl;", &format!("listen {https} ssl;"))
        .replace("listen 80;", &format!("listen {http};"))
        .replace("listen [::]:443 ssl;", "")
        .replace("listen [::]:80;", "")
        .replace("127.0.0.1:8080", &service.to_string())
        .replace(
            "/etc/letsencrypt/live/alarm.example/fullchain.pem",
            &certificate.display().to_string(),
        )
        .replace("/etc/letsencrypt/live/alarm.example/privkey.pem", &key.display().to_string());
    let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", place.join(name).display()))
        .concat();
    let text = format!(
        "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log {0}/errors;\nevents {{}}\n\
         http {{\naccess_log off;\n{kept}{text}}}\n",
        place.display()
    );
    let file = place.join("nginx.conf");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[tokio::test]
async fn nginx_tells_truly_who_asks_and_how() {
    let Some(front) = Front::start("nginx", nginx).await else { return };
    front.tells_truly_who_asks_and_how().await;
}

#[tokio::test]
async fn nginx_lets_files_in_and_holds_no_news_back() {
    let Some(front) = Front::start("nginx", nginx).await else { return };
    front.lets_files_in_and_holds_no_news_back().await;
}
