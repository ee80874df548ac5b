//! The sights of a class as a tree of names: one pass over a record finds what would take a look-up for each field.
//!
//! It leads where [`Event::path`] leads for classes whose names are exact. One thing differs, where a record says the same
//! thing twice: of a member called `a.b` and a member `b` of an object `a`, both are handed out.

use std::sync::LazyLock;

use json::{Kind, Value};

use super::{Sights, What};
use crate::class::{Class, classes};
use crate::event::{Event, json_texts, raw_texts};
use crate::fields::Loose;
use crate::slot::{Raw, print};

/// A field of a table, and what it holds.
type Sight = (&'static str, What);

/// Trees by the number of a class; empty where names are not exact, or where no class has the number.
static PLANS: LazyLock<Vec<Option<Level>>> = LazyLock::new(|| {
    let mut plans = Vec::new();
    for class in classes() {
        let place = usize::from(class.id.number());
        if plans.len() <= place {
            plans.resize_with(place + 1, || None);
        }
        let is_exact = class.fields.loose == Loose::Exact && class.fields.under.is_empty();
        if let Some(plan) = plans.get_mut(place).filter(|_| is_exact) {
            *plan = Some(Level::of(class.sights));
        }
    }
    plans
});

/// The tree of a class; `None` where its members are to be looked for by likeness.
pub(super) fn of(class: &Class) -> Option<&'static Level> {
    PLANS.get(usize::from(class.id.number()))?.as_ref()
}

/// Names at one level of objects, found by their prints.
#[derive(Debug, Default)]
pub(super) struct Level {
    names: Vec<Name>,
    /// Places of names, one more than they are; 0 is none. Twice as many as names at least, and a power of two.
    table: Vec<u16>,
}

/// A member's name.
#[derive(Debug)]
struct Name {
    print: u64,
    name: &'static str,
    /// What its value is, if it is one.
    sights: Vec<Sight>,
    /// What its members are, if it is an object.
    below: Level,
}

impl Level {
    fn of(tables: &[Sights]) -> Self {
        let mut level = Self::default();
        for &(field, what) in tables.iter().flat_map(|table| table.iter()) {
            level.add(field, (field, what));
        }
        level.close();
        level
    }

    /// A path is one name with dots in it, or a name and what is below.
    fn add(&mut self, path: &'static str, sight: Sight) {
        if let Some(name) = self.name(path) {
            name.sights.push(sight);
        }
        if let Some((head, tail)) = path.split_once('.')
            && let Some(name) = self.name(head)
        {
            name.below.add(tail, sight);
        }
    }

    fn name(&mut self, text: &'static str) -> Option<&mut Name> {
        let place = self.names.iter().position(|name| name.name == text).unwrap_or_else(|| {
            let print = print(text);
            self.names.push(Name { print, name: text, sights: Vec::new(), below: Self::default() });
            self.names.len() - 1
        });
        self.names.get_mut(place)
    }

    fn close(&mut self) {
        if self.names.is_empty() {
            return;
        }
        self.table = vec![0; (2 * self.names.len()).next_power_of_two()];
        for (place, name) in self.names.iter_mut().enumerate() {
            name.below.close();
            let mut at = bucket(name.print, self.table.len());
            while self.table.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) & (self.table.len() - 1);
            }
            if let (Some(slot), Ok(number)) = (self.table.get_mut(at), u16::try_from(place + 1)) {
                *slot = number;
            }
        }
    }

    /// The place of a name.
    fn find(&self, print: u64, text: &str) -> Option<usize> {
        let mut at = bucket(print, self.table.len());
        loop {
            let place = usize::from(*self.table.get(at)?).checked_sub(1)?;
            if self.names.get(place).is_some_and(|name| name.print == print && name.name == text) {
                return Some(place);
            }
            at = (at + 1) & (self.table.len() - 1);
        }
    }

    /// Hands out the sights of an event. Of members of one name at the top of a record, the first one counts; no class has
    /// more names there than `met` has bits.
    pub(super) fn walk(&self, event: &Event<'_>, each: &mut dyn FnMut(Sight, &str)) {
        let mut met = 0_u128;
        for (print, text, raw) in event.slots().prints() {
            let Some(place) = self.find(print, text) else { continue };
            let Some(name) = self.names.get(place) else { continue };
            let mark = 1_u128.checked_shl(place.try_into().unwrap_or(u32::MAX)).unwrap_or_default();
            if met & mark != 0 {
                continue;
            }
            met |= mark;
            for sight in &name.sights {
                raw_texts(raw, &mut |text| each(*sight, text));
            }
            if let (Raw::Json(value), false) = (raw, name.below.names.is_empty()) {
                name.below.descend(*value, each);
            }
        }
    }

    /// Arrays stand for each of their items.
    fn descend(&self, value: Value<'_>, each: &mut dyn FnMut(Sight, &str)) {
        match value.kind() {
            Kind::Array => value.items().for_each(|item| self.descend(item, each)),
            Kind::Object => {
                for (key, member) in value.entries() {
                    let Some(text) = key.as_str() else { continue };
                    let Some(name) = self.find(print(&text), &text).and_then(|place| self.names.get(place))
                    else {
                        continue;
                    };
                    for sight in &name.sights {
                        json_texts(member, &mut |text| each(*sight, text));
                    }
                    if !name.below.names.is_empty() {
                        name.below.descend(member, each);
                    }
                }
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {}
        }
    }
}

/// Where in a table of so many places, a power of two, a print is looked for first.
fn bucket(print: u64, places: usize) -> usize {
    let mixed = print.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(mixed).unwrap_or_default() & places.saturating_sub(1)
}
