//! People: who may do what to which object.

use std::collections::BTreeSet;

use model::{AccountId, CollectionId, Tenant, Uuid};
use policy::people::{Object, Person, Role, SCHEMA, actions, may};

const ROLES: [Role; 4] = [Role::Follower, Role::Viewer, Role::Analyst, Role::Admin];
const HOME: Tenant = Tenant(1);

fn account(number: u8) -> AccountId {
    AccountId(Uuid([number; 16]))
}

fn collection(number: u8) -> CollectionId {
    CollectionId(Uuid([number; 16]))
}

fn person(role: Role) -> Person {
    Person { account: Some(account(1)), tenant: HOME, role, officer: false, local: false, confined: None }
}

fn confined(role: Role, collections: &[u8]) -> Person {
    Person { confined: Some(collections.iter().map(|number| collection(*number)).collect()), ..person(role) }
}

/// The least role that may do it to something of this organisation that is nobody's own; `None` is nobody.
fn least_role(action: &str) -> Option<Role> {
    let (kind, verb) = action.split_once('.').unwrap();
    match (kind, verb) {
        ("live", _) => Some(Role::Follower),
        ("me" | "session", _) | ("store", "backup") => None,
        ("agreement", "sign" | "end")
        | ("review", "decide")
        | ("release", "grant")
        | ("orcon", "answer")
        | ("break-glass", _)
        | ("disclosure", "hold") => None,
        ("object", "erase")
        | ("source" | "account" | "peer" | "key", "write")
        | ("account" | "audit", "read")
        | ("token" | "status" | "courier", _)
        | ("store", _)
        | ("ledger", "report") => Some(Role::Admin),
        (_, "write" | "withdraw" | "decide" | "pull" | "draft" | "ask") => Some(Role::Analyst),
        (_, "read" | "export") => Some(Role::Viewer),
        other => panic!("nobody has said who may {other:?}"),
    }
}

#[test]
fn every_action_by_every_role() {
    let actions = actions();
    assert!(actions.len() >= 50, "{actions:?}");
    let listed = actions.iter().filter(|action| SCHEMA.contains(&format!("\"{action}\""))).count();
    assert_eq!(listed, actions.len());
    for action in actions {
        for role in ROLES {
            let decision = may(&person(role), action, &Object::of(HOME));
            let wanted = least_role(action).is_some_and(|least| role >= least);
            assert_eq!(decision.permitted, wanted, "{role:?} {action}: {decision:?}");
            assert_eq!(decision.permitted, decision.needs.is_empty(), "{decision:?}");
        }
    }
}

#[test]
fn nothing_of_another_organisation() {
    for action in actions() {
        for role in ROLES {
            let mine = Object::of(Tenant(2)).owned_by(account(1)).in_collection(collection(1), true);
            let boss = Person { officer: true, local: true, ..person(role) };
            let decision = may(&boss, action, &mine);
            assert!(!decision.permitted && decision.rule == "tenant", "{role:?} {action}: {decision:?}");
        }
    }
}

#[test]
fn what_is_ones_own() {
    let own = Object::of(HOME).owned_by(account(1));
    let foreign = Object::of(HOME).owned_by(account(2));
    let check = |role: Role, action: &str, object: &Object, permitted: bool| {
        let decision = may(&person(role), action, object);
        assert_eq!(decision.permitted, permitted, "{role:?} {action} {object:?}: {decision:?}");
    };
    for role in ROLES {
        for action in ["me.read", "me.password", "session.close", "status.read"] {
            check(role, action, &own, true);
            check(role, action, &foreign, action == "status.read" && role == Role::Admin);
        }
        for action in ["token.read", "token.add", "token.revoke"] {
            check(role, action, &own, role >= Role::Viewer);
            check(role, action, &foreign, role == Role::Admin);
        }
        // To own an object is no reason to erase it, nor to change one's own account.
        for action in ["object.erase", "account.write"] {
            check(role, action, &own, role == Role::Admin);
        }
    }
    // The operator of the machine has no account, and nobody else's things are its own.
    let operator = Person { account: None, local: true, ..person(Role::Admin) };
    assert!(may(&operator, "me.read", &Object::of(HOME)).permitted);
    assert!(!may(&operator, "me.password", &own).permitted);
    let nobody = Person { account: None, ..person(Role::Admin) };
    assert!(!may(&nobody, "me.read", &Object::of(HOME)).permitted);
}

#[test]
fn collections() {
    let public = Object::of(HOME).in_collection(collection(1), true);
    let ours = Object::of(HOME).in_collection(collection(2), false);
    let read = |person: &Person, object: &Object| may(person, "collection.read", object).permitted;
    let write = |person: &Person, object: &Object| may(person, "collection.write", object).permitted;
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
    let open: BTreeSet<&str> =
        ["me.read", "session.close", "live.read", "status.read", "collection.read", "collection.write"]
            .into();
    for action in actions() {
        let admin = Person { officer: true, ..confined(Role::Admin, &[1]) };
        let object = Object::of(HOME).owned_by(account(1)).in_collection(collection(1), false);
        let decision = may(&admin, action, &object);
        assert_eq!(decision.permitted, open.contains(action), "{action}: {decision:?}");
        if !decision.permitted {
            assert_eq!(decision.needs, "a token that is not confined to collections");
        }
    }
    // Not even another's status, which an admin may otherwise read.
    assert!(
        !may(&confined(Role::Admin, &[1]), "status.read", &Object::of(HOME).owned_by(account(2))).permitted
    );
}

#[test]
fn to_run_the_node_and_to_release_are_two_things() {
    let release = [
        "agreement.sign",
        "agreement.end",
        "review.decide",
        "release.grant",
        "orcon.answer",
        "break-glass.use",
        "disclosure.hold",
    ];
    for action in release {
        for role in ROLES {
            let officer = Person { officer: true, ..person(role) };
            assert_eq!(may(&officer, action, &Object::of(HOME)).permitted, role >= Role::Viewer, "{action}");
            let decision = may(&person(role), action, &Object::of(HOME));
            assert!(
                !decision.permitted && decision.needs.contains("release officer"),
                "{action}: {decision:?}"
            );
        }
    }
    let officer = Person { officer: true, ..person(Role::Viewer) };
    for action in ["key.write", "peer.write", "account.write", "object.erase", "object.write"] {
        assert!(!may(&officer, action, &Object::of(HOME)).permitted, "{action}");
    }
}

#[test]
fn only_the_machines_operator_backs_up() {
    let operator = Person { account: None, local: true, ..person(Role::Admin) };
    assert!(may(&operator, "store.backup", &Object::of(HOME)).permitted);
    assert!(!may(&person(Role::Admin), "store.backup", &Object::of(HOME)).permitted);
}

#[test]
fn what_is_not_known_is_nobodys() {
    for action in [
        "",
        "object",
        "object.*",
        "Object.Read",
        "object.read ",
        "object.read\0",
        "\"",
        "Action::\"object.read\"",
    ] {
        let decision = may(&person(Role::Admin), action, &Object::of(HOME));
        assert!(!decision.permitted, "{action}");
        assert_eq!(decision.needs, "an action that is known");
    }
    let decision = may(&person(Role::Viewer), "object.write", &Object::of(HOME));
    assert_eq!(decision.needs, "the role analyst");
}
