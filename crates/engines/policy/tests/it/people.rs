//! People: who may do what to which object.

use std::collections::BTreeSet;

use model::{AccountId, CollectionId, Tenant, Uuid};
use policy::people::{Action, Object, Person, Role, may};

const ROLES: [Role; 4] = [Role::Follower, Role::Viewer, Role::Analyst, Role::Admin];
const HOME: Tenant = Tenant(1);

fn account(number: u8) -> AccountId {
    AccountId(Uuid([number; 16]))
}

fn collection(number: u8) -> CollectionId {
    CollectionId(Uuid([number; 16]))
}

fn person(role: Role) -> Person {
    Person { account: Some(account(1)), tenant: HOME, role, local: false, confined: None }
}

fn confined(role: Role, collections: &[u8]) -> Person {
    Person { confined: Some(collections.iter().map(|number| collection(*number)).collect()), ..person(role) }
}

/// The least role that may do it to something of this organisation that is nobody's own; `None` is nobody.
fn least_role(action: Action) -> Option<Role> {
    let (kind, verb) = action.as_str().split_once('.').unwrap();
    match (kind, verb) {
        ("live", _) | ("node", "discover") => Some(Role::Follower),
        ("me" | "session", _) | ("store", "backup") | ("source", "open") => None,
        ("agreement", "propose" | "sign" | "end")
        | ("review", "decide")
        | ("release", "grant")
        | ("orcon", "answer")
        | ("decision", "approve")
        | ("break-glass", _)
        | ("disclosure", "hold")
        | ("object", "erase")
        | ("source" | "log-source" | "account" | "peer" | "key" | "rules", "write")
        | ("telemetry", "hold")
        | ("account" | "audit", "read")
        | ("token" | "status" | "courier", _)
        | ("store", _)
        | ("ledger", "report") => Some(Role::Admin),
        // Whoever watches closes alerts, hunts, answers for hunts of others, says what is wrong with an object, and mutes it.
        ("alert", "close")
        | ("log", "push")
        | ("hunt", "run" | "approve")
        | ("object", "feedback" | "mute") => Some(Role::Analyst),
        // Posts are told by signatures, whoever hands them in.
        ("contain", "propose" | "approve" | "release") => Some(Role::Analyst),
        (_, "write" | "withdraw" | "decide" | "pull" | "explain" | "ask" | "draft") => Some(Role::Analyst),
        (_, "read" | "export") => Some(Role::Viewer),
        other => panic!("nobody has said who may {other:?}"),
    }
}

#[test]
fn every_action_by_every_role() {
    // That policies and schema name the same actions is checked when they are read: else all of these are refused.
    for &action in Action::ALL {
        for role in ROLES {
            let decision = may(&person(role), action, &Object::of(HOME));
            let wanted = least_role(action).is_some_and(|least| role >= least);
            assert_eq!(decision.permitted, wanted, "{role:?} {action:?}: {decision:?}");
            assert_eq!(decision.permitted, decision.needs.is_empty(), "{decision:?}");
        }
    }
}

#[test]
fn nothing_of_another_organisation() {
    for &action in Action::ALL {
        for role in ROLES {
            let mine = Object::of(Tenant(2)).owned_by(account(1)).in_collection(collection(1), true);
            let boss = Person { local: true, ..person(role) };
            let decision = may(&boss, action, &mine);
            assert!(!decision.permitted && decision.rule == "tenant", "{role:?} {action:?}: {decision:?}");
        }
    }
}

#[test]
fn what_is_ones_own() {
    let own = Object::of(HOME).owned_by(account(1));
    let foreign = Object::of(HOME).owned_by(account(2));
    let check = |role: Role, action: Action, object: &Object, permitted: bool| {
        let decision = may(&person(role), action, object);
        assert_eq!(decision.permitted, permitted, "{role:?} {action:?} {object:?}: {decision:?}");
    };
    for role in ROLES {
        for action in [Action::MeRead, Action::MePassword, Action::SessionClose, Action::StatusRead] {
            check(role, action, &own, true);
            check(role, action, &foreign, action == Action::StatusRead && role == Role::Admin);
        }
        for action in [Action::TokenRead, Action::TokenAdd, Action::TokenRevoke] {
            check(role, action, &own, role >= Role::Viewer);
            check(role, action, &foreign, role == Role::Admin);
        }
        // To own an object is no reason to erase it, nor to change one's own account.
        for action in [Action::ObjectErase, Action::AccountWrite] {
            check(role, action, &own, role == Role::Admin);
        }
    }
    // The operator of the machine has no account, and nobody else's things are its own.
    let operator = Person { account: None, local: true, ..person(Role::Admin) };
    assert!(may(&operator, Action::MeRead, &Object::of(HOME)).permitted);
    assert!(!may(&operator, Action::MePassword, &own).permitted);
    let nobody = Person { account: None, ..person(Role::Admin) };
    assert!(!may(&nobody, Action::MeRead, &Object::of(HOME)).permitted);
}

#[test]
fn collections() {
    let public = Object::of(HOME).in_collection(collection(1), true);
    let ours = Object::of(HOME).in_collection(collection(2), false);
    let read = |person: &Person, object: &Object| may(person, Action::CollectionRead, object).permitted;
    let write = |person: &Person, object: &Object| may(person, Action::CollectionWrite, object).permitted;
    for role in ROLES {
        assert!(read(&person(role), &public));
        assert_eq!(read(&person(role), &ours), role >= Role::Viewer);
        assert!(!write(&person(role), &public), "labels decide what is public");
        assert_eq!(write(&person(role), &ours), role >= Role::Analyst);
        let only_public = confined(role, &[1]);
        assert!(read(&only_public, &public) && !read(&only_public, &ours) && !write(&only_public, &ours));
        let only_ours = confined(role, &[2]);
        assert_eq!(read(&only_ours, &ours), role >= Role::Viewer);
        assert!(!read(&only_ours, &public));
        // The empty list is no collection at all.
        let none = confined(role, &[]);
        assert!(!read(&none, &public) && !read(&none, &ours) && !read(&none, &Object::of(HOME)));
    }
}

#[test]
fn a_confined_token_does_nothing_else() {
    let open: BTreeSet<Action> = [
        Action::MeRead,
        Action::SessionClose,
        Action::LiveRead,
        Action::StatusRead,
        Action::NodeDiscover,
        Action::CollectionRead,
        Action::CollectionWrite,
    ]
    .into();
    for &action in Action::ALL {
        let admin = confined(Role::Admin, &[1]);
        let object = Object::of(HOME).owned_by(account(1)).in_collection(collection(1), false);
        let decision = may(&admin, action, &object);
        assert_eq!(decision.permitted, open.contains(&action), "{action:?}: {decision:?}");
        if !decision.permitted {
            assert_eq!(decision.needs, "a token that is not confined to collections");
        }
    }
    // Not even another's status, which an admin may otherwise read.
    assert!(
        !may(&confined(Role::Admin, &[1]), Action::StatusRead, &Object::of(HOME).owned_by(account(2)))
            .permitted
    );
}

#[test]
fn only_the_machines_operator_backs_up() {
    let operator = Person { account: None, local: true, ..person(Role::Admin) };
    assert!(may(&operator, Action::StoreBackup, &Object::of(HOME)).permitted);
    assert!(!may(&person(Role::Admin), Action::StoreBackup, &Object::of(HOME)).permitted);
}

#[test]
fn a_refusal_says_what_it_would_take() {
    let decision = may(&person(Role::Viewer), Action::ObjectWrite, &Object::of(HOME));
    assert_eq!(decision.needs, "the role analyst");
    let decision = may(&person(Role::Viewer), Action::TokenRevoke, &Object::of(HOME).owned_by(account(2)));
    assert_eq!(
        decision.needs,
        "the role admin, for tokens of others; or the role viewer, for tokens of one's own"
    );
}

#[test]
fn detection_is_read_by_viewers_worked_by_analysts_and_wired_by_admins() {
    let check = |least: Role, actions: &[Action]| {
        for &action in actions {
            for role in ROLES {
                let decision = may(&person(role), action, &Object::of(HOME));
                assert_eq!(decision.permitted, role >= least, "{role:?} {action:?}: {decision:?}");
            }
            // A shipper's token that is for some collections sends no logs and reads no alerts.
            let decision = may(&confined(Role::Admin, &[1]), action, &Object::of(HOME));
            assert_eq!((decision.permitted, decision.rule.as_str()), (false, "confined"), "{action:?}");
        }
    };
    check(
        Role::Viewer,
        &[
            Action::AlertRead,
            Action::DetectRead,
            Action::LogSourceRead,
            Action::HuntRead,
            Action::AnswerRead,
            Action::TelemetryRead,
        ],
    );
    check(
        Role::Analyst,
        &[
            Action::AlertClose,
            Action::DetectWrite,
            Action::LogPush,
            Action::HuntRun,
            Action::HuntAsk,
            Action::HuntApprove,
            Action::ObjectFeedback,
            Action::ObjectMute,
            Action::ContainPropose,
            Action::ContainApprove,
            Action::ContainRelease,
        ],
    );
    check(Role::Admin, &[Action::LogSourceWrite, Action::TelemetryHold]);
}
