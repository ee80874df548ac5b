//! 10,000 values asked against 100,000 held, from asking to knowing: seconds and bytes of each step.
//!
//! One run takes seconds, and its steps are what matters, so this measures and prints by itself. The tags are made on
//! two threads, as a caller with two cores would.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first thing that is not as it should be")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::collections::BTreeSet;
use std::time::Instant;

use model::{AgreementId, Digest, PartyId, Timestamp};
use shieldwall_private_query::{Answerer, Asker, Mode, Question, Reply, Right, Scope};

fn address(number: u32) -> String {
    std::net::Ipv4Addr::from(number.wrapping_mul(2_654_435_761)).to_string()
}

fn main() {
    let (asker, answerer) = (PartyId(Digest([1; 32])), PartyId(Digest([2; 32])));
    let agreement = AgreementId(Digest([7; 32]));
    let held: Vec<String> = (0..100_000).map(address).collect();
    // One in ten is held.
    let asked: Vec<String> = (99_000..109_000).map(address).collect();
    for mode in [Mode::Count, Mode::YesNo] {
        let (kind, purpose) = ("ipv4-addr".to_owned(), "incident response".to_owned());
        let scope = Scope { agreement, asker, answerer, kind: kind.clone(), purpose: purpose.clone(), mode };
        let right = Right {
            agreement,
            kinds: Some(BTreeSet::from([kind])),
            purposes: BTreeSet::from([purpose]),
            mode,
            most_values: 10_000,
            per_day: 10,
            leakage_bits_per_day: 100_000,
        };
        let begun = Instant::now();
        let mut last = begun;
        let mut step = |what: &str| {
            println!("  {what}: {:.2} s", last.elapsed().as_secs_f64());
            last = Instant::now();
        };
        println!("{}:", mode.as_str());
        let (waiting, question) = Asker::ask(&scope, &asked, [1; 32]).ok().unwrap();
        let question = question.to_bytes();
        step("ask");
        let read = Question::parse(&question).unwrap();
        let answering = Answerer::new(&read, asker, answerer, &right, [], Timestamp::EPOCH, [2; 32]);
        let answering = answering.ok().unwrap();
        step("read the question");
        let (one, two) = held.split_at(held.len() / 2);
        let tags = std::thread::scope(|threads| {
            let two = threads.spawn(|| answering.tags(two));
            [answering.tags(one), two.join().unwrap()].concat()
        });
        step("tag what is held, on two threads");
        let reply = answering.reply(tags).unwrap().to_bytes();
        step("multiply and prove");
        let read = Reply::parse(&reply).unwrap();
        step("read the reply");
        let found = waiting.finish(&read).unwrap();
        step("unblind, check and look up");
        println!(
            "  together {:.2} s; {} of {} held; {} bytes asked, {} bytes answered",
            begun.elapsed().as_secs_f64(),
            found.count(),
            asked.len(),
            question.len(),
            reply.len()
        );
    }
}
