//! Every attack meets its wall, whoever the worker runs as; and honest models notice nothing.

use std::collections::BTreeSet;

use crate::siege::{Report, Siege};
use crate::user::User;
use crate::walls::{ATTACKS, Wall, wall_of};

/// Every attack against its wall, and every honest use. An attack whose wall this kernel lacks is said; that it
/// is reported as missing is what the wall is known by.
pub fn judge(user: User, report: &Report) {
    let mut wrong = Vec::new();
    for (attack, outcome) in &report.attacks {
        let wall = wall_of(attack);
        let stands = match wall {
            Wall::Always => true,
            Wall::Reported(name) => report.isolation[name].as_bool().unwrap_or_else(|| panic!("no {name}")),
        };
        if !stands {
            println!("{wall:?} is missing here; as {user:?}, {attack}: {outcome}");
        } else if !outcome["refused"].is_string() {
            wrong.push(format!("{attack} against {wall:?}: {outcome}"));
        }
    }
    let missed = report.honest.iter().filter(|(_, outcome)| !outcome["reached"].is_string());
    wrong.extend(missed.map(|(use_, outcome)| format!("{use_}: {outcome}")));
    assert!(wrong.is_empty(), "as {user:?}:\n{}", wrong.join("\n"));
}

#[test]
fn every_attack_is_refused_and_honest_models_notice_nothing() {
    for user in [User::Own, User::RootInContainer, User::Ordinary] {
        if !user.is_available() {
            continue;
        }
        let siege = Siege::lay(user, &[], true);
        let report = siege.storm();
        let made: BTreeSet<_> = report.attacks.keys().map(String::as_str).collect();
        let known: BTreeSet<_> = ATTACKS.iter().map(|(name, _)| *name).collect();
        assert_eq!(made, known, "the table and the attacks are the same");
        judge(user, &report);
        siege.outlive();
    }
}
