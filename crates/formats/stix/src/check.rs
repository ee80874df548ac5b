//! What the validator asks about single values: their place, their spelling and their type.

mod particular;
mod place;
mod rule;
mod syntax;
mod value;

use json::{Kind, Value};

pub(crate) use place::Place;
pub(crate) use syntax::{is_property_name, is_type_name};

use crate::validate::Custom;

/// What the extensions of an object say they are (§7.3).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kinds {
    /// Properties at the top of the object come from an extension.
    pub(crate) toplevel: bool,
    new: Option<Custom>,
}

impl Kinds {
    pub(crate) fn custom(self) -> Custom {
        self.new.unwrap_or(Custom::Unknown)
    }
}

pub(crate) fn extension_kinds(object: Value<'_>) -> Kinds {
    let mut kinds = Kinds::default();
    let Some(extensions) = object.get("extensions") else { return kinds };
    for (_, extension) in extensions.entries().filter(|(_, extension)| extension.kind() == Kind::Object) {
        match extension.get("extension_type").and_then(|kind| kind.as_plain()) {
            Some("toplevel-property-extension") => kinds.toplevel = true,
            Some("new-sdo") => kinds.new = Some(Custom::Sdo),
            Some("new-sco") => kinds.new = Some(Custom::Sco),
            Some("new-sro") => kinds.new = Some(Custom::Sro),
            _ => {}
        }
    }
    kinds
}
