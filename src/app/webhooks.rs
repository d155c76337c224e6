//! Starts telling programs elsewhere what happens: the configuration, the telephone and the store as `webhooks` sees them.

use crate::config::WebhooksConfig;
use crate::tasks::Tasks;
use crate::telephone::Telephone;
use crate::webhooks::{self, Needs, Outside, Targets, WebhookKey, Webhooks};
use anyhow::Context;
use jiff::Timestamp;
use lianfang_domain::id::LineId;
use std::collections::BTreeSet;

/// Routes and lines, as the telephone knows them.
pub(super) struct OfTelephone(pub(super) Telephone);

impl Outside for OfTelephone {
    fn routes_down(&self) -> Vec<String> {
        self.0.lines().trunks_down()
    }

    fn lines_lost(&self, before: Timestamp, limit: usize) -> Vec<LineId> {
        self.0.lines().lost_before(before, limit)
    }

    fn lines_up(&self, lines: &BTreeSet<LineId>) -> BTreeSet<LineId> {
        self.0.lines().up_of(lines)
    }
}

/// Starts the tasks.
pub(super) fn start(
    tasks: &Tasks,
    config: &WebhooksConfig,
    node_key: &[u8; 32],
    needs: Needs,
) -> anyhow::Result<Webhooks> {
    let authorities = match &config.ca_file {
        Some(path) => std::fs::read(path)
            .with_context(|| format!("cannot read `webhooks.ca_file` {}", path.display()))?,
        None => Vec::new(),
    };
    let targets = Targets::new(&config.allowed_hosts, config.allowed_networks.clone(), authorities);
    let targets =
        targets.map_err(|host| anyhow::anyhow!("`webhooks.allowed_hosts`: `{host}` is no host"))?;
    let webhooks = Webhooks::new(WebhookKey::new(node_key), targets);
    webhooks::start(tasks, &webhooks, needs)?;
    Ok(webhooks)
}
