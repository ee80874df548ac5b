//! Whether a new label may be taken over at once.

/// What a new label means for one that holds already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelChange {
    /// It says the same.
    Unchanged,
    /// It is narrower: it holds at once.
    Tightening,
    /// It is wider, or in some respect wider: it needs the consent of both sides. Until then both labels hold,
    /// that is, their meet.
    NeedsConsent,
}

/// Compares labels of which this crate knows nothing but their texts. `is_within(a, b)` tells whether `a` permits
/// nothing that `b` does not; a label it cannot read is within nothing.
#[must_use]
pub fn label_change(current: &str, proposed: &str, is_within: &dyn Fn(&str, &str) -> bool) -> LabelChange {
    if current == proposed {
        return LabelChange::Unchanged;
    }
    match (is_within(proposed, current), is_within(current, proposed)) {
        (true, true) => LabelChange::Unchanged,
        (true, false) => LabelChange::Tightening,
        (false, _) => LabelChange::NeedsConsent,
    }
}
