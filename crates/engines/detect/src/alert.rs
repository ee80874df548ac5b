//! What a match says.

use std::ops::Range;

use crate::sigma::CardId;

/// A rule that matched an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The rule.
    pub rule: CardId,
    /// Why, in the order of the rule's selections.
    pub evidence: Vec<Evidence>,
    /// How many events it took, for rules that count; 1 for the others.
    pub count: u64,
}

/// One part of a rule that the event met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The rule's selection, such as `selection_img`; empty for correlations.
    pub selection: String,
    /// The field as the rule names it; `keyword` where the rule names none.
    pub field: String,
    /// The value as the event has it; empty where the rule asks for a field that is not there.
    pub value: String,
    /// What the rule looked for, shortened where it is long.
    pub pattern: String,
    /// Where the value stands in the raw record, in bytes; `None` for what does not stand there as it is.
    pub span: Option<Range<usize>>,
}
