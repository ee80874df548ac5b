//! What is taken out of an object before it leaves: properties an agreement does not let pass, personal data,
//! addresses, references to what the receiver may not see, the contributor's name.
//!
//! [`detect::Detectors`] finds personal data and internal names; [`PersonKey`] and [`AddressKey`] give other names;
//! [`release()`] produces the text that may leave, or says
//! why there is none. Both are functions of the object and of a [`Plan`]; keys are arguments.
//!
//! **Invariant:** what comes out is a valid object that says no more than what went in, or nothing; a value that was found
//! is named by its place and its detector, never repeated.
//!
//! **Must not know:** who decides, which agreement applies, where objects are stored or sent.

mod addresses;
pub mod detect;
mod numbers;
mod pseudonym;
mod release;
mod stand_ins;
mod sums;

pub use addresses::AddressKey;
pub use detect::{Detectors, Found};
pub use pseudonym::PersonKey;
pub use release::{Contributor, Personal, Plan, Profile, Released, release};
pub use sums::{coarse, sums};
