//! Verifying a report: everything is counted again, and everything that is wrong has a name.

use json::{Limits, Tape, Value};
use keys::{KeyId, Signed};
use model::{Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::compare::{compare, compare_previous};
use super::count::{Count, Counted};
use super::problem::{Problem, Remark, Which};
use super::{MAX_OVERSEERS, Overseer, Period, SKEW, Signers, Trusted, Verdict};
use crate::checkpoint::{Cosignature, SignedCheckpoint};
use crate::fields::{Fields, Malformed, digest};
use crate::note::{Announced, NoteKey, origin};

/// The form of the body and the lines; another is not read.
pub(super) const VERSION: u64 = 1;
/// The signed line.
const HEAD: Limits = Limits::new(8 << 20, 32, 200_000);
/// Problems listed; more are counted.
const MAX_PROBLEMS: usize = 200;
/// Checkpoints within the period.
const MAX_BETWEEN: usize = 1_000;
/// How long before the end of the period the last checkpoint may have been cosigned without a remark: an hour.
const LATE: i64 = 60 * 60 * 1_000_000;
/// Hashes of a proof or a frontier.
pub(super) const MAX_HASHES: usize = 64;

/// Verifies a report file. `previous` is what verifying the report before it gave.
///
/// # Errors
/// [`Malformed`] when the file is no report at all: then there is nothing to say about it. Everything else is a
/// [`Problem`] of the verdict.
pub fn verify(file: &[u8], trusted: &Trusted<'_>, previous: Option<&Verdict>) -> Result<Verdict, Malformed> {
    let at = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
    let (head, evidence) = file.split_at(at);
    let evidence = evidence.strip_prefix(b"\n").unwrap_or(evidence);
    let signed = Signed::parse(head).map_err(|error| Malformed::new(error.pointer, error.problem))?;
    let mut tape = Tape::new();
    let body = tape.parse(signed.body.as_bytes(), &HEAD)?;
    let body = Body::read(body)?;
    let mut problems = Problems::default();

    let signed_by = match signer(&signed, trusted.signers, body.made) {
        Ok(key) => Some(key),
        Err(why) => {
            problems.add(Problem::Signature(why));
            None
        }
    };
    check_identity(&body, trusted, &mut problems);
    if Digest(Sha256::digest(evidence).into()) != body.evidence {
        problems.add(Problem::EvidenceAltered);
    }
    let witnesses = check_checkpoints(&body, trusted, &mut problems);
    if witnesses.iter().any(|found| found.at > body.made.plus_micros(SKEW)) {
        problems.add(Problem::Times(
            "witnesses cosigned the last checkpoint after the report was made".to_owned(),
        ));
    }

    let mut count = Count::new(&body, previous, trusted.seen, &mut problems);
    count.lines(evidence, &mut problems);
    let Counted { tables, open, consistent, carried, mut remarks } = count.finish(&body, &mut problems);
    compare(&tables, &body.tables, &mut problems);
    compare_previous(&body, &carried, previous, &mut problems, &mut remarks);
    if let Some(seen) =
        witnesses.iter().map(|found| found.at).max().filter(|seen| seen.plus_micros(LATE) < body.period.until)
    {
        remarks.push(Remark::EndsEarly { seen, until: body.period.until });
    }
    Ok(Verdict {
        report: signed.hash(),
        party: body.party,
        period: body.period,
        made: body.made,
        signed_by,
        overseers: body.overseers,
        log: body.log,
        first: body.from.as_ref().map_or(0, |from| from.checkpoint().size),
        to: body.to,
        consistent,
        witnesses,
        tables,
        problems: problems.finish(),
        remarks,
        open,
    })
}

/// The signed body, read but not believed.
pub(super) struct Body<'a> {
    pub(super) between: Vec<SignedCheckpoint>,
    pub(super) carried: u64,
    pub(super) evidence: Digest,
    pub(super) from: Option<SignedCheckpoint>,
    pub(super) frontier: Vec<Digest>,
    pub(super) log: NoteKey,
    pub(super) made: Timestamp,
    pub(super) overseers: Vec<Overseer>,
    pub(super) party: PartyId,
    pub(super) period: Period,
    pub(super) previous: Option<Digest>,
    pub(super) tables: Vec<(String, Value<'a>)>,
    pub(super) to: SignedCheckpoint,
}

impl<'a> Body<'a> {
    fn read(value: Value<'a>) -> Result<Self, Malformed> {
        let known = &[
            "between",
            "carried",
            "evidence",
            "from",
            "frontier",
            "log",
            "made",
            "overseers",
            "party",
            "period",
            "previous",
            "tables",
            "to",
            "version",
        ];
        let fields = Fields::of(value, "", known)?;
        if fields.number("version")? != VERSION {
            return fields.fail("version", format!("this program reads reports of version {VERSION}"));
        }
        let checkpoint = |text: &str, pointer: &str| {
            SignedCheckpoint::parse(text).map_err(|error| Malformed::new(pointer, error.to_string()))
        };
        let between = fields.items("between", MAX_BETWEEN)?.into_iter().map(|(pointer, item)| {
            let text =
                item.as_str().ok_or_else(|| Malformed::new(pointer.as_str(), "a signed note is needed"))?;
            checkpoint(&text, &pointer)
        });
        let frontier = fields.items("frontier", MAX_HASHES)?.into_iter().map(|(at, item)| digest(item, &at));
        let from = if fields.value("from")?.is_null() {
            None
        } else {
            Some(checkpoint(&fields.text("from")?, "/from")?)
        };
        let overseers = match fields.optional("overseers") {
            Some(_) => fields.items("overseers", MAX_OVERSEERS)?,
            None => Vec::new(),
        };
        let overseers = overseers.into_iter().map(|(pointer, item)| Overseer::read(item, &pointer));
        let period = Fields::of(fields.value("period")?, "/period", &["from", "until"])?;
        let previous =
            if fields.value("previous")?.is_null() { None } else { Some(fields.parsed("previous")?) };
        let tables = fields.items("tables", 64)?.into_iter().map(|(pointer, item)| {
            let table = Fields::of(item, &pointer, &["columns", "measures", "name", "rows"])?;
            Ok((table.text("name")?, item))
        });
        Ok(Self {
            between: between.collect::<Result<_, _>>()?,
            carried: fields.number("carried")?,
            evidence: fields.parsed("evidence")?,
            from,
            frontier: frontier.collect::<Result<_, _>>()?,
            log: NoteKey::parse(&fields.text("log")?)
                .map_err(|error| Malformed::new("/log", error.to_string()))?,
            made: fields.parsed("made")?,
            overseers: overseers.collect::<Result<_, Malformed>>()?,
            party: fields.parsed("party")?,
            period: Period { from: period.parsed("from")?, until: period.parsed("until")? },
            previous,
            tables: tables.collect::<Result<_, Malformed>>()?,
            to: checkpoint(&fields.text("to")?, "/to")?,
        })
    }

    pub(super) fn checkpoints(&self) -> impl Iterator<Item = (Which, &SignedCheckpoint)> {
        let between = self.between.iter().enumerate().map(|(n, checkpoint)| (Which::Between(n), checkpoint));
        let from = self.from.iter().map(|from| (Which::From, from));
        from.chain(between).chain([(Which::To, &self.to)])
    }

    pub(super) fn first(&self) -> u64 {
        self.from.as_ref().map_or(0, |from| from.checkpoint().size)
    }
}

fn signer(signed: &Signed, signers: Signers<'_>, made: Timestamp) -> Result<KeyId, String> {
    let context = keys::context::REPORT;
    match signers {
        Signers::History(history) => {
            history.verify_or_roots(context, signed, made).map_err(|error| error.to_string())?;
            let epoch = history.verify(context, signed, made).ok();
            let root = || signed.signatures.first().map(|(key, _)| *key);
            epoch.or_else(root).ok_or_else(|| "nobody has signed".to_owned())
        }
        Signers::Keys(keys) => {
            let known = keys.iter().find(|key| signed.is_signed_by(key.id()));
            let key = known.ok_or_else(|| "none of the keys given has signed".to_owned())?;
            signed.verify_by(context, key).map_err(|error| error.to_string())?;
            Ok(key.id())
        }
    }
}

fn check_identity(body: &Body<'_>, trusted: &Trusted<'_>, problems: &mut Problems) {
    if body.party != trusted.party {
        problems.add(Problem::OtherParty(body.party));
    }
    let logs = trusted.policy.logs();
    if !(logs.is_empty() || logs.contains(&body.log)) || !announced(body, trusted.signers) {
        problems.add(Problem::OtherLog);
    }
    let Period { from, until } = body.period;
    if from > until || until > body.made.plus_micros(SKEW) {
        let times = format!("period from {from} until {until}, report made {}", body.made);
        problems.add(Problem::Times(times));
    }
}

/// Whether the ledger's key is the one that the party's key history announces for the time of the report; where there is
/// no history, the signed body alone vouches for it.
fn announced(body: &Body<'_>, signers: Signers<'_>) -> bool {
    let Signers::History(history) = signers else { return true };
    let Ok(epoch) = history.epoch_at(body.made) else { return false };
    Announced::parse(body.party, &epoch.ledger).is_ok_and(|keys| keys.log == body.log)
}

/// The keys that may have signed the ledger's checkpoints: the report's own, and those of the epochs before it. A ledger
/// outlives its keys; one that was revoked has no say in it.
fn logs(body: &Body<'_>, signers: Signers<'_>) -> Vec<NoteKey> {
    let mut logs = vec![body.log.clone()];
    if let Signers::History(history) = signers {
        let begun = history.epochs().iter().filter(|epoch| epoch.window.from <= body.made);
        let held = begun.filter(|epoch| epoch.revoked.is_none());
        let keys = held.filter_map(|epoch| Announced::parse(body.party, &epoch.ledger).ok());
        for key in keys.map(|keys| keys.log) {
            if !logs.contains(&key) {
                logs.push(key);
            }
        }
    }
    logs
}

/// Verifies the log's signature on every checkpoint and the quorum on those at the ends; gives the last one's witnesses.
fn check_checkpoints(body: &Body<'_>, trusted: &Trusted<'_>, problems: &mut Problems) -> Vec<Cosignature> {
    let mut witnesses = Vec::new();
    let logs = logs(body, trusted.signers);
    for (which, checkpoint) in body.checkpoints() {
        let found = &checkpoint.checkpoint().origin;
        if *found != origin(body.party) {
            problems.add(Problem::Origin { which, origin: found.clone() });
        }
        if let Err(error) = checkpoint.verify_log(&logs) {
            problems.add(Problem::Checkpoint { which, error });
        }
        if let Which::Between(_) = which {
            continue;
        }
        match trusted.policy.evaluate(checkpoint) {
            Ok(evaluation) => {
                if !evaluation.satisfied {
                    problems.add(Problem::NoQuorum { which, missing: evaluation.missing });
                }
                witnesses = evaluation.cosignatures;
            }
            Err(error) => problems.add(Problem::Checkpoint { which, error }),
        }
    }
    witnesses
}

/// Problems, of which a hostile file can make as many as it has lines.
#[derive(Default)]
pub(super) struct Problems {
    listed: Vec<Problem>,
    pub(super) count: u64,
}

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        self.count += 1;
        if self.listed.len() < MAX_PROBLEMS {
            self.listed.push(problem);
        }
    }

    fn finish(mut self) -> Vec<Problem> {
        let left = self.count.saturating_sub(self.listed.len() as u64);
        if left > 0 {
            self.listed.push(Problem::More(left));
        }
        self.listed
    }
}
