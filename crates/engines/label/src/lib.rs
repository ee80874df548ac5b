//! How an object may be handled: every marking scheme we know as one lattice, and what policy may know of an object.
//!
//! TLP, PAP, FIRST IEP 2.0, ACS 3.0, releasability caveats, STANAG 4774 labels, purposes and the personal-data
//! flag are the dimensions of one [`Handling`]. Combining two of them is [`Handling::meet`]. What decides whether
//! something may go somewhere sees an object only as its [`Facts`].
//!
//! **Invariant:** `meet` is commutative, associative and idempotent, and permits nothing that either side forbids.
//! What is not understood is [`model::Label::OwnOnly`] and a finding, never a guess. The canonical text of a value
//! has one spelling, and parsing it gives the value back.
//!
//! **Must not know:** agreements, parties' keys, where objects come from or go to; no clock, no files.

mod acs;
mod definition;
mod facts;
mod handling;
mod iep;
mod nation;
mod onward;
mod pap;
mod read;
mod releasability;
mod spif;
mod stanag;
mod stanag_xml;
mod text;
mod write;
mod xml;

pub use acs::{Acs, AcsLevel, AcsPolicy, AcsPrivilege, AcsScope, AcsSharing};
pub use definition::{HANDLING_DEFINITIONS, HANDLING_EXTENSION, meaning, tlp_meaning};
pub use facts::{Facts, Origin, facts, facts_with};
pub use handling::{Barrier, Handling, Receiver};
pub use iep::{Attribution, Iep, PermittedActions};
pub use nation::Nation;
pub use onward::Onward;
pub use pap::Pap;
pub use read::{Part, Reader};
pub use releasability::Releasability;
pub use spif::{InvalidSpif, Spif, Spifs, Unreadable};
pub use stanag::{Classification, Stanag};
pub use stanag_xml::{ConfidentialityLabel, InvalidLabel};
pub use text::InvalidText;
pub use write::marking_refs;
pub use xml::InvalidXml;
