//! Who else there is in the town: the whole chain of duty, those who come from outside of the group, and their policies.

use super::Town;
use lianfang::store::snapshot::count_edit;
use lianfang_domain::id::CommunityId;
use lianfang_domain::policy::PolicyDocument;
use lianfang_domain::policy::check::{self, Problem, Report};
use serde_json::Value;
use std::sync::Arc;

/// Post A is 李强's and post B 王芳's; the leader and the worker of the grid have posts of their own, round the clock.
pub(crate) const ROSTER: &str = r#"
    INSERT INTO worker (id, community_id, name, numbers) VALUES
        (3, 1, '赵主任', '[{"key":"+8613900010003","written":"13900010003","voice":true,"sms":true}]'),
        (4, 1, '小吴', '[{"key":"+8613900010004","written":"13900010004","voice":true,"sms":true}]');
    INSERT INTO duty_post (id, community_id, code, name) VALUES
        (1, 1, 'A', 'A岗'), (2, 1, 'B', 'B岗'), (3, 1, 'leader', '带班领导'), (4, 1, 'grid', '网格岗');
    INSERT INTO duty_shift (id, community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends, days_later)
    SELECT id, 1, id, json_array(id),
        '["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]',
        '["workday","rest_day","holiday"]', '00:00:00', '00:00:00', 1 FROM duty_post;"#;

/// One of each who may be called from outside of the group. The head is of the building in trouble; the other is not.
pub(crate) const RESPONDERS: &str = r#"
    WITH r (last, name, kind, skills, building) AS (VALUES
        (2, '楼长老陈', 'building_head', '[]', '3'), (3, '巡逻队', 'patrol', '[]', NULL),
        (4, '急救志愿者', 'volunteer', '["first_aid"]', NULL), (5, '开锁志愿者', 'volunteer', '["locksmith"]', NULL),
        (6, '街道值班室', 'street', '[]', NULL), (7, '热线', 'hotline', '[]', NULL),
        (9, '四号楼楼长', 'building_head', '[]', '4'))
    INSERT INTO responder (community_id, name, kind, skills, building, numbers)
    SELECT 1, name, kind, skills, building, json_array(json_object('key', printf('+861370001%04d', last),
        'written', printf('1370001%04d', last), 'voice', json('true'), 'sms', json('true'))) FROM r;"#;

/// A grandchild who is there for the household behind 101 alone.
pub(crate) const HELPER: &str = r#"
    INSERT INTO responder (community_id, name, kind, household_id, numbers) VALUES (1, '孙女小林', 'helper', 100,
        '[{"key":"+8613700010001","written":"13700010001","voice":true,"sms":true}]');"#;

/// A loudspeaker in the stairs.
pub(crate) const LOUDSPEAKER: &str = r#"
    INSERT INTO responder (community_id, name, kind, numbers) VALUES (1, '楼道喇叭', 'loudspeaker',
        '[{"key":"+8613700010008","written":"13700010008","voice":true,"sms":false}]');"#;

/// What comes behind `+86139` and `+86137` of the first group, and how the stories call it.
pub(super) const WORKERS: [(&str, &str); 4] =
    [("0001", "duty"), ("0002", "deputy"), ("0003", "leader"), ("0004", "grid worker")];
pub(super) const OTHERS: [(&str, &str); 9] = [
    ("0001", "helper"),
    ("0002", "building head"),
    ("0003", "patrol"),
    ("0004", "first aider"),
    ("0005", "locksmith"),
    ("0006", "street"),
    ("0007", "hotline"),
    ("0008", "loudspeaker"),
    ("0009", "other head"),
];

impl Town {
    /// The usual town with some more people, each list as it stands above.
    pub(crate) async fn with_also(more: &[&'static str]) -> Self {
        let town = Self::new().await;
        for sql in more {
            town.edit(sql).await;
        }
        town
    }

    /// The town with everybody whom the built-in policy knows.
    pub(crate) async fn with_chain_of_duty() -> Self {
        Self::with_also(&[ROSTER, RESPONDERS]).await
    }

    /// The community writes a policy. One of the same name takes the place of the one before.
    pub(crate) async fn adopts_policy(&self, document: Value) {
        let name = document["name"].as_str().expect("has a name").to_owned();
        let mut change = self.process.store.directory().write().await.expect("begins");
        let save = sqlx::query(
            "INSERT INTO policy (community_id, name, document) VALUES (1, ?1, ?2)
            ON CONFLICT DO UPDATE SET document = ?2, version = version + 1",
        );
        let save = save.bind(name).bind(document.to_string());
        save.execute(&mut *change).await.expect("is written");
        count_edit(&mut change, &[CommunityId(1)]).await.expect("counts");
        change.commit().await.expect("commits");
        self.process.directory.refresh().await.expect("refreshes");
    }

    /// Somebody looks through what a policy would do, before it is saved.
    #[expect(clippy::unwrap_in_result, reason = "what a story writes is a policy")]
    pub(crate) fn tries_policy(&self, document: Value) -> Result<Report, Vec<Problem>> {
        let document: PolicyDocument = serde_json::from_value(document).expect("is a policy");
        let directory = self.directory();
        let community = directory.community(CommunityId(1)).expect("is there");
        check::check(&Arc::new(document), community, &self.setup.routes, self.clock.now())
    }
}
