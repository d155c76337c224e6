//! People whom an operator adds in the middle of an alarm.

use super::*;
use crate::plan::{AddError, Added, PartyId};

/// Household 5 in trouble, 1 a neighbour of its group, 2 of another group; one worker on duty and one not.
fn town() -> Directory {
    let mut other = Household::clone(&household(2, 0, &[&["b"], &["c"]]));
    other.group = GroupId(2);
    let homes = vec![household(1, 4, &[&["a"]]), Arc::new(other), household(5, 5, &[&["own"]])];
    let workers =
        vec![worker(1, true, &["duty"]), worker(2, false, &["off"]), worker(3, false, &["a"])];
    let mut community = community(homes, workers);
    community.groups[0].households = vec![HouseholdId(1), HouseholdId(5)];
    Directory::new(7, Vec::new(), vec![community])
}

fn plan_in(directory: &Directory) -> Plan {
    let line = directory.line_by_account("line5").unwrap();
    build(directory, line, &wanted(&Policy::default())).unwrap()
}

#[test]
fn a_worker_off_duty_and_one_person_of_another_group_follow_in_the_plan() {
    let directory = town();
    let first = plan_in(&directory);
    let (second, worker) = first.with(&directory, Added::Worker(WorkerId(2))).unwrap();
    assert!(second.succeeds(&first));
    assert_eq!(usize::from(worker.0), first.parties.len());
    let contact = Added::Contact(HouseholdId(2), ContactId(21));
    let (third, party) = second.with(&directory, contact).unwrap();
    assert!(third.succeeds(&second));
    let added = third.party(party).unwrap();
    assert_eq!((added.role, added.is_added, added.step), (Role::Neighbour, true, 0));
    let keys: Vec<_> = added.numbers.iter().map(|number| number.number.key()).collect();
    assert_eq!(keys, ["c"], "nobody else of the household");
    // The directory of today still does not name them: they stay.
    let line = directory.line_by_account("line5").unwrap();
    let anew = rebuild(&third, &directory, line, &wanted(&Policy::default())).unwrap();
    assert!(anew.party(party).unwrap().has_voice() && anew.party(worker).unwrap().has_voice());
}

#[test]
fn who_is_there_already_keeps_the_place_and_is_called_at_once() {
    let directory = town();
    let mut first = plan_in(&directory);
    let duty = first.parties.iter().position(|party| party.worker.is_some()).unwrap();
    first.parties[duty].step = 3;
    first.parties[duty].numbers.iter_mut().for_each(|number| number.has_voice = false);
    let (second, party) = first.with(&directory, Added::Worker(WorkerId(1))).unwrap();
    assert_eq!(usize::from(party.0), duty);
    let added = second.party(party).unwrap();
    assert!(added.is_added && added.has_voice() && added.step == 0, "{added:?}");
    assert_eq!(second.parties.len(), first.parties.len());
}

#[test]
fn nobody_is_rung_twice_by_one_number_nor_the_household_in_trouble() {
    let directory = town();
    let plan = plan_in(&directory);
    let refused = |whom| plan.with(&directory, whom).map(|(_, party)| party);
    for (whom, why) in [
        (Added::Worker(WorkerId(3)), AddError::NoNumber),
        (Added::Worker(WorkerId(9)), AddError::Unknown),
        (Added::Contact(HouseholdId(5), ContactId(50)), AddError::InTrouble),
        (Added::Contact(HouseholdId(2), ContactId(10)), AddError::Unknown),
    ] {
        assert_eq!(refused(whom), Err(why), "{whom:?}");
    }
}

#[test]
fn so_many_are_added_and_no_more() {
    let count = u32::try_from(crate::plan::ADDED_MAX).unwrap() + 1;
    let workers = (10..10 + count).map(|id| worker(id, false, &[&format!("w{id}")])).collect();
    let homes = vec![household(1, 4, &[&["a"]]), household(5, 5, &[&["own"]])];
    let directory = directory_of(homes, workers);
    let mut plan = plan_in(&directory);
    plan.parties.retain(|party| party.worker.is_none());
    for id in 10..9 + count {
        plan = plan.with(&directory, Added::Worker(WorkerId(id))).unwrap().0;
    }
    let last = plan.with(&directory, Added::Worker(WorkerId(9 + count)));
    assert_eq!(last.map(|(_, party)| party), Err(AddError::TooMany));
    assert_eq!(
        plan.with(&directory, Added::Worker(WorkerId(10))).map(|(_, party)| party),
        Ok(PartyId(2))
    );
}
