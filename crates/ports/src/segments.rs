//! Files that are written once and then read where they lie: the indexes that matching looks values up in.
//!
//! They are derived from the store and can be built anew; what matters is that one is there as a whole or not at all.

use std::fmt;

/// Files by name, private to this node.
pub trait Segments: Send + Sync {
    /// Keeps these bytes under a name, in place of what was kept under it. Afterwards they survive a power cut; until
    /// then the old ones do. What is open goes on to show what it showed.
    ///
    /// # Errors
    /// [`SegmentError`]; the old bytes are still there then.
    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), SegmentError>;

    /// What is kept under a name, without reading it into memory; `None` if nothing is.
    ///
    /// # Errors
    /// [`SegmentError`] when it is there and cannot be read.
    fn open(&self, name: &str) -> Result<Option<SegmentBytes>, SegmentError>;

    /// Lets go what is kept under a name, if anything is. What is open goes on to show it.
    ///
    /// # Errors
    /// [`SegmentError`] when it is still there.
    fn remove(&self, name: &str) -> Result<(), SegmentError>;

    /// The names under which something is kept, in their order.
    ///
    /// # Errors
    /// [`SegmentError`] when they cannot be listed.
    fn names(&self) -> Result<Vec<String>, SegmentError>;
}

/// Bytes that lie somewhere, most likely in a file.
pub struct SegmentBytes(Box<dyn AsRef<[u8]> + Send + Sync>);

impl SegmentBytes {
    /// Bytes that stay what they are.
    #[must_use]
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Box::new(bytes))
    }
}

impl AsRef<[u8]> for SegmentBytes {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl fmt::Debug for SegmentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentBytes({} bytes)", self.as_ref().len())
    }
}

/// Why a file could not be written or read, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The name is none that a file here can have.
    #[error(
        "`{0}` is no name of an index; use up to 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit"
    )]
    Name(String),
    /// No room.
    #[error("the disk under `{0}` is full; free space, then try again")]
    Full(String),
    /// Anything else: what was being done, to which file, and what the system said.
    #[error("cannot {action} `{path}`: {reason}; check the folder's owner, its permissions and the disk")]
    Io {
        /// Such as `write`.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_by_their_number() {
        let bytes = SegmentBytes::new(vec![1u8, 2, 3]);
        assert_eq!(
            (bytes.as_ref(), format!("{bytes:?}").as_str()),
            (&[1u8, 2, 3][..], "SegmentBytes(3 bytes)")
        );
    }
}
