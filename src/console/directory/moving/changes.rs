//! What changes when a row is moved, in words: above all who will be called for whom.

use super::super::noun::place;
use crate::api::Failure;
use crate::lang::Lang;
use crate::visit::Signed;
use serde::Deserialize;
use serde_json::Value;

/// Names that are said one by one.
const NAMES_MAX: usize = 30;

/// A row between two others.
pub(super) struct Moved<'a> {
    pub(super) title: &'a str,
    pub(super) from: &'a Value,
    pub(super) to: &'a Value,
    /// What it was below, by name.
    pub(super) was: &'a str,
    /// What it will be below.
    pub(super) is: &'a str,
}

#[derive(Deserialize)]
struct Doors {
    items: Vec<Door>,
}

#[derive(Deserialize)]
struct Door {
    household_id: u64,
    name: String,
}

/// What would be done.
pub(super) fn heading(Moved { title, was, is, .. }: &Moved<'_>, l: Lang) -> String {
    match l {
        Lang::Chinese => format!("把{title}从“{was}”移到“{is}”？"),
        Lang::English => format!("Move {title} from “{was}” to “{is}”?"),
    }
}

/// The neighbours of a group, by name, without these households.
async fn neighbours(signed: &Signed, group: u64, without: &[u64]) -> Result<String, Failure> {
    let l = signed.lang();
    let doors: Doors = signed.api().get(&format!("/groups/{group}/doors")).await?;
    let others = doors.items.iter().filter(|door| !without.contains(&door.household_id));
    let names: Vec<&str> = others.map(|door| &*door.name).collect();
    let said = names.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(l.t("、", ", "));
    Ok(match (names.len(), l) {
        (0, _) => l.t("（没有别的人家）", "(no other household)").to_owned(),
        (count, Lang::Chinese) if NAMES_MAX < count => format!("{said}等 {count} 户"),
        (count, Lang::English) if NAMES_MAX < count => format!("{said} and others, {count} in all"),
        (_, _) => said,
    })
}

fn id_in(row: &Value, field: &str) -> u64 {
    row.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// A household goes to another group.
pub(super) async fn of_household(
    signed: &Signed,
    id: u64,
    moved: &Moved<'_>,
) -> Result<Vec<String>, Failure> {
    of_households(signed, &[id], moved).await
}

/// Households go to another group together; `title` says them all.
pub(super) async fn of_households(
    signed: &Signed,
    ids: &[u64],
    Moved { title, from, to, was, is }: &Moved<'_>,
) -> Result<Vec<String>, Failure> {
    let old = neighbours(signed, id_in(from, "id"), ids).await?;
    let new = neighbours(signed, id_in(to, "id"), ids).await?;
    let is_other_grid = id_in(from, "grid_id") != id_in(to, "grid_id");
    let mut changes = match signed.lang() {
        Lang::Chinese => vec![
            format!("{title}报警时，不再呼叫“{was}”的：{old}。"),
            format!("改为呼叫“{is}”的：{new}。"),
            format!("“{is}”的人家报警时会呼叫{title}；“{was}”的人家报警时不再呼叫。"),
        ],
        Lang::English => vec![
            format!(
                "When an alarm comes from {title}, those of “{was}” are no longer called: {old}."
            ),
            format!("Those of “{is}” are called instead: {new}."),
            format!(
                "{title} will be called when “{is}” needs help, and no longer when “{was}” does."
            ),
        ],
    };
    if is_other_grid {
        let words = signed.lang().t(
            "两个组不在同一个网格：网格岗、按网格定的预案和响应人也随之改变。",
            "The groups are in different grids: the post of the grid, and policies and responders that are for a grid, change with it.",
        );
        changes.push(words.to_owned());
    }
    Ok(changes)
}

/// A group goes to another grid.
pub(super) fn of_group(Moved { title, was, is, .. }: &Moved<'_>, l: Lang) -> Vec<String> {
    match l {
        Lang::Chinese => vec![
            format!("“{title}”的人家照旧互相呼叫。"),
            format!("网格岗、按网格定的预案和响应人，从“{was}”的改为“{is}”的。"),
            format!("只管“{was}”的账号不再看到这个组；只管“{is}”的看得到。"),
        ],
        Lang::English => vec![
            format!("The households of “{title}” call each other as before."),
            format!(
                "The post of the grid, and policies and responders that are for a grid, are those of “{is}” and no longer those of “{was}”."
            ),
            format!("Accounts for “{was}” alone no longer see the group; those for “{is}” do."),
        ],
    }
}

/// A community goes to another street.
pub(super) fn of_community(Moved { title, was, is, .. }: &Moved<'_>, l: Lang) -> Vec<String> {
    match l {
        Lang::Chinese => vec![
            format!("报警时呼叫谁不变：联防组、值班表、预案和响应人都跟着“{title}”走。"),
            format!("只管“{was}”的账号不再看到它；只管“{is}”的看得到。"),
        ],
        Lang::English => vec![
            format!(
                "Who is called stays: groups, roster, policies and responders go with “{title}”."
            ),
            format!("Accounts for “{was}” alone no longer see it; those for “{is}” do."),
        ],
    }
}

/// A line goes to another household.
pub(super) fn of_line(Moved { title, to, was, is, .. }: &Moved<'_>, l: Lang) -> Vec<String> {
    let at = place(to, l);
    match l {
        Lang::Chinese => vec![
            format!(
                "线路 {title} 报警，就是“{is}”（{at}）报警：呼叫那一组的邻居，赶去的也是那个门牌。"
            ),
            format!("“{was}”不再用这条线路报警。"),
        ],
        Lang::English => vec![
            format!(
                "An alarm of line {title} will be one of “{is}” ({at}): the neighbours of that group are called, and go to that door."
            ),
            format!("“{was}” will no longer raise alarms by this line."),
        ],
    }
}

/// A contact goes to another household.
pub(super) fn of_contact(Moved { title, was, is, .. }: &Moved<'_>, l: Lang) -> Vec<String> {
    match l {
        Lang::Chinese => vec![
            format!("“{is}”那一组的邻居报警时，作为“{is}”的人呼叫{title}。"),
            format!("不再作为“{was}”的人呼叫；“{was}”没有别的联系人时，就呼叫不到了。"),
        ],
        Lang::English => vec![
            format!("When neighbours of “{is}” need help, {title} is called for “{is}”."),
            format!(
                "{title} is no longer called for “{was}”, which cannot be reached if it has no other contact."
            ),
        ],
    }
}
