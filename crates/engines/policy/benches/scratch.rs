//! x
use cedar_policy::*;
use std::str::FromStr;
use std::time::Instant;
fn time<T>(name: &str, mut f: impl FnMut() -> T) {
    let mut best = f64::MAX;
    for _ in 0..300 {
        let t = Instant::now();
        for _ in 0..50 { std::hint::black_box(f()); }
        best = best.min(t.elapsed().as_nanos() as f64 / 50.0);
    }
    println!("{name:40} {best:8.0} ns");
}
fn ctx() -> Context {
    let e = RestrictedExpression::new_entity_uid(EntityUid::from_str("Party::\"0101010101010101010101010101010101010101010101010101010101010101\"").unwrap());
    Context::from_pairs([
        ("at".to_owned(), RestrictedExpression::new_long(5)),
        ("from".to_owned(), e),
        ("type".to_owned(), RestrictedExpression::new_string("indicator".to_owned())),
        ("tlp".to_owned(), RestrictedExpression::new_long(5)),
        ("pap".to_owned(), RestrictedExpression::new_long(3)),
        ("personal".to_owned(), RestrictedExpression::new_bool(false)),
        ("categories".to_owned(), RestrictedExpression::new_set([RestrictedExpression::new_string("phishing".to_owned())])),
    ]).unwrap()
}
fn main() {
    let p = EntityUid::from_str("Party::\"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c\"").unwrap();
    let a = EntityUid::from_str("Action::\"receive\"").unwrap();
    let r = EntityUid::from_str("Thing::\"it\"").unwrap();
    let party = EntityTypeName::from_str("Party").unwrap();
    time("uid from parts", || EntityUid::from_type_name_and_id(party.clone(), EntityId::new("0101010101010101010101010101010101010101010101010101010101010101")));
    time("context", ctx);
    let c = ctx();
    time("request new", || Request::new(p.clone(), a.clone(), r.clone(), c.clone(), None).unwrap());
    let q = Request::new(p.clone(), a.clone(), r.clone(), c.clone(), None).unwrap();
    let auth = Authorizer::new();
    let ents = Entities::empty();
    let hex = |n: u8| format!("Party::\"{}\"", format!("{n:02x}").repeat(32));
    let set = |n: u8| (1..=n).map(hex).collect::<Vec<_>>().join(", ");
    let ors = |n: u8| (1..=n).map(|i| format!("principal == {}", hex(i))).collect::<Vec<_>>().join(" || ");
    let base = "permit(principal, action, resource);";
    let mut one = |name: &str, text: String| {
        let s = PolicySet::from_str(&text).unwrap();
        let s2 = PolicySet::from_pst(s.to_pst().unwrap()).unwrap();
        time(&format!("{name} (loc)"), || auth.is_authorized(&q, &s, &ents));
        time(name, || auth.is_authorized(&q, &s2, &ents));
    };
    one("empty", String::new());
    one("permit all", base.to_owned());
    one("permit all + 1 forbid false", format!("{base} forbid(principal,action,resource) when {{ false }};"));
    one("permit all + 8 forbid false", format!("{base} {}", "forbid(principal,action,resource) when { false };\n".repeat(8)));
    one("action ==", "permit(principal, action == Action::\"receive\", resource);".to_owned());
    one("action == no", "permit(principal, action == Action::\"x\", resource);".to_owned());
    one("tlp", "permit(principal, action, resource) when { context.tlp >= 3 };".to_owned());
    one("tlp x4", "permit(principal, action, resource) when { context.tlp >= 3 && context.tlp >= 3 && context.tlp >= 3&& context.tlp >= 3};".to_owned());
    one("has", "permit(principal, action, resource) when { !(context has relay) };".to_owned());
    one("true && x8", "permit(principal, action, resource) when { true && true && true && true && true && true && true && true };".to_owned());
    one("type in 1", "permit(principal, action, resource) when { context.type == \"indicator\" };".to_owned());
    one("type in 4 set", "permit(principal, action, resource) when { [\"a\", \"b\", \"c\", \"indicator\"].contains(context.type) };".to_owned());
    one("type in 4 or", "permit(principal, action, resource) when { context.type == \"a\" || context.type == \"b\" || context.type == \"c\" || context.type == \"indicator\" };".to_owned());
    one("type in 15 set", "permit(principal, action, resource) when { [\"a\", \"b\", \"c\",\"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", \"l\", \"m\", \"n\", \"indicator\"].contains(context.type) };".to_owned());
    one("party in 12 set", format!("permit(principal, action, resource) when {{ [{}].contains(principal) }};", set(12)));
    one("party in 12 or", format!("permit(principal, action, resource) when {{ {} }};", ors(12)));
    one("party in 12 in", format!("permit(principal, action, resource) when {{ principal in [{}] }};", set(12)));
    one("like", "permit(principal, action, resource) when { context.type like \"indicator\" };".to_owned());
    one("containsAll", "permit(principal, action, resource) when { [\"phishing\", \"b\", \"c\"].containsAll(context.categories) };".to_owned());
    one("context has", "permit(principal, action, resource) when { if context has iep then context.iep.x else true };".to_owned());
}
