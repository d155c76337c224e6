//! The groups of a community to choose from: those that words find, and always those that are ticked.

use crate::api::Failure;
use crate::form::Form;
use crate::visit::Signed;
use serde::Deserialize;

/// Pages of 200 rows that are read of grids, and of groups: more than a community has.
const PAGES_MAX: usize = 10;
/// Groups that are offered at once; words find the others.
const OFFERED: usize = 60;

/// What there is to choose from.
#[derive(Default)]
pub(super) struct Groups {
    /// Ticked ones first.
    pub(super) offered: Vec<Group>,
    /// Those that are not offered because there are too many.
    pub(super) more: usize,
    /// All of the community.
    pub(super) total: usize,
}

/// A group.
pub(super) struct Group {
    pub(super) id: u64,
    /// Its grid and its name.
    pub(super) name: String,
    pub(super) is_ticked: bool,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Row>,
    #[serde(default)]
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    name: String,
}

impl Groups {
    /// Reads the groups of a community and keeps those that the words of the form find.
    pub(super) async fn read(
        signed: &Signed,
        community: Option<u32>,
        form: &Form,
    ) -> Result<Self, Failure> {
        let Some(community) = community else { return Ok(Self::default()) };
        let grids = match all(signed, &format!("/grids?community_id={community}")).await {
            Ok(grids) => grids,
            // A community that is none is blamed beside its own field.
            Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 404) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let mut groups = Vec::new();
        for grid in grids {
            for row in all(signed, &format!("/groups?grid_id={}", grid.id)).await? {
                let is_ticked = form.has("group", &row.id.to_string());
                let name = format!("{} {}", grid.name, row.name);
                groups.push(Group { id: row.id, name, is_ticked });
            }
        }
        Ok(Self::found(groups, form.get("groups_q")))
    }

    fn found(mut groups: Vec<Group>, words: &str) -> Self {
        let total = groups.len();
        let words = words.to_lowercase();
        let fits = |group: &Group| {
            let name = group.name.to_lowercase();
            words.split_whitespace().all(|word| name.contains(word))
        };
        groups.retain(|group| group.is_ticked || fits(group));
        groups.sort_by_key(|group| !group.is_ticked);
        let ticked = groups.iter().filter(|group| group.is_ticked).count();
        // What is ticked is never lost, however much it is.
        let shown = ticked.max(OFFERED).min(groups.len());
        let more = groups.len() - shown;
        groups.truncate(shown);
        Self { offered: groups, more, total }
    }
}

/// All rows of a list, up to a bound.
async fn all(signed: &Signed, path: &str) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut after = 0;
    for _ in 0..PAGES_MAX {
        let page: Listed = signed.api().get(&format!("{path}&after={after}&limit=200")).await?;
        rows.extend(page.items);
        let Some(next) = page.next.filter(|next| after < *next) else { break };
        after = next;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ticked_is_never_lost() {
        let group = |id: u64, name: &str, is_ticked| Group { id, name: name.to_owned(), is_ticked };
        let ids = |groups: &Groups| groups.offered.iter().map(|group| group.id).collect::<Vec<_>>();
        let three = || {
            vec![
                group(1, "一网格 A组", false),
                group(2, "一网格 b组", false),
                group(3, "二网格 A组", true),
            ]
        };
        for (words, wanted) in
            [("", vec![3, 1, 2]), ("B", vec![3, 2]), ("一网格 a", vec![3, 1]), ("没有", vec![3])]
        {
            let found = Groups::found(three(), words);
            assert_eq!((ids(&found), found.more, found.total), (wanted, 0, 3), "{words}");
        }
        let many = (0..100).map(|id| group(id, "x", id < 80)).collect();
        let found = Groups::found(many, "");
        assert_eq!((found.offered.len(), found.more), (80, 20));
        let many = (0..100).map(|id| group(id, "x", id == 99)).collect();
        let found = Groups::found(many, "x");
        assert_eq!((found.offered.len(), found.more, found.offered[0].id), (60, 40, 99));
    }
}
