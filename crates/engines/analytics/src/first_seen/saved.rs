//! Baselines as bytes and back.

use model::Timestamp;

use super::baseline::{Baseline, Seen};
use super::{FirstSeen, MAX_SOURCES, Place, State, saturate};
use crate::codec::{Kept, LoadError, Reader, Writer, digest};

/// What is hashed to know a key again without writing it down.
const CHECK: &[u8] = b"shieldwall/first-seen/v1";

impl FirstSeen {
    /// All baselines as bytes: hashes of values, their counts and hours, no text of any value. Alerts that were not
    /// taken are not in them.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = Writer::new(Kept::FirstSeen);
        out.number(digest(&self.key, CHECK));
        out.count(self.state.baselines.len());
        for (source, fields) in &self.state.baselines {
            out.text(source);
            out.count(fields.len());
            for (field, baseline) in fields {
                out.text(field);
                save_baseline(baseline, &mut out);
            }
        }
        out.finish()
    }

    /// Takes in what [`FirstSeen::save`] gave, in place of what is held. Fields that are not watched any more are left
    /// out; where there are more values than may be held, those that came once go first.
    ///
    /// # Errors
    /// [`LoadError`]; what is held stays as it was.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut reader = Reader::open(bytes, Kept::FirstSeen)?;
        if reader.number()? != digest(&self.key, CHECK) {
            return Err(LoadError::OtherKey);
        }
        let mut state = State::default();
        for _ in 0..reader.count()? {
            let source = reader.text()?;
            for _ in 0..reader.count()? {
                let field = reader.text()?;
                let baseline = load_baseline(&mut reader)?;
                let watched = self.config.fields_of(&source).any(|own| own == field);
                let room = state.baselines.len() < MAX_SOURCES || state.baselines.contains_key(&source);
                if watched && room {
                    state.held += baseline.len();
                    state.baselines.entry(source.clone()).or_default().insert(field, baseline);
                }
            }
        }
        reader.finish()?;
        self.fit(&mut state);
        self.state = state;
        Ok(())
    }

    /// Brings what was loaded within the bounds.
    fn fit(&self, state: &mut State) {
        state.held = 0;
        let mut told = Vec::new();
        for (source, fields) in &mut state.baselines {
            for (field, baseline) in fields {
                let surplus = baseline.len().saturating_sub(self.config.max_values_per_field);
                if surplus > 0 {
                    baseline.prune(surplus);
                    let at = baseline.last;
                    told.extend(saturate(Place { source, field }, baseline, at));
                }
                state.held += baseline.len();
            }
        }
        told.into_iter().for_each(|anomaly| state.tell(Some(anomaly)));
        let last = state.baselines.values().flat_map(|fields| fields.values()).map(|one| one.last).max();
        while state.held > self.config.max_values {
            state.prune_largest(&self.config, last.unwrap_or(Timestamp::EPOCH));
        }
    }
}

fn save_baseline(baseline: &Baseline, out: &mut Writer) {
    out.signed(baseline.began.as_micros());
    out.signed(baseline.last.as_micros());
    out.number(u64::from(baseline.days));
    out.maybe(baseline.saturated.map(Timestamp::as_micros));
    for count in [baseline.forgotten, baseline.told, baseline.withheld] {
        out.number(count);
    }
    out.count(baseline.len());
    let mut before = 0;
    for (value, seen) in baseline.values() {
        out.number(value.wrapping_sub(before));
        out.number(u64::from(seen.count));
        out.number(u64::from(seen.hour));
        before = *value;
    }
}

fn load_baseline(reader: &mut Reader<'_>) -> Result<Baseline, LoadError> {
    let mut baseline = Baseline::new(Timestamp::from_micros(reader.signed()?));
    baseline.last = Timestamp::from_micros(reader.signed()?).max(baseline.began);
    baseline.days = reader.small()?;
    baseline.saturated = reader.maybe()?.map(Timestamp::from_micros);
    baseline.forgotten = reader.number()?;
    baseline.told = reader.number()?;
    baseline.withheld = reader.number()?;
    let mut value = 0_u64;
    for _ in 0..reader.count()? {
        value = value.checked_add(reader.number()?).ok_or(LoadError::Damaged)?;
        let seen = Seen { count: reader.small()?, hour: reader.small()? };
        baseline.restore(value, seen);
    }
    Ok(baseline)
}
