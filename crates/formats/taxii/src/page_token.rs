//! The `next` token: a place in a collection, tied to the request it came from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use sha2::{Digest, Sha256};

use crate::query::{Query, QueryError, VersionMatch};

/// Layout of the bytes: this number, eight bytes of position, eight bytes of filter digest.
const LAYOUT: u8 = 1;

/// A token that continues after the item added at `position`, for the same filters on the same resource.
///
/// `resource` names what is being paged, for instance a collection's id and the endpoint. The limit is left out:
/// a client may change its page size midway. The token is not a secret and gives no right: whoever presents it is
/// checked like any other, and its position only narrows what the filters allow (TAXII 2.1 appendix B).
#[must_use]
pub fn page_token(position: Timestamp, resource: &str, query: &Query) -> String {
    let mut bytes = Vec::with_capacity(17);
    bytes.push(LAYOUT);
    bytes.extend(position.as_micros().to_be_bytes());
    bytes.extend(filter_digest(resource, query));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position inside the request's `next` token; `None` when it carries none.
///
/// # Errors
/// [`QueryError`] when the token is not one of [`page_token`]'s, or was given out for other filters or another
/// resource; the answer is 400.
pub fn read_page_token(resource: &str, query: &Query) -> Result<Option<Timestamp>, QueryError> {
    let Some(token) = &query.next else { return Ok(None) };
    let foreign = || QueryError::new("next", "not a token this server gave out; start again without it");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign())?;
    let Some((&[LAYOUT, a, b, c, d, e, f, g, h], digest)) = bytes.split_first_chunk::<9>() else {
        return Err(foreign());
    };
    if digest.len() != 8 {
        return Err(foreign());
    }
    if digest != filter_digest(resource, query) {
        return Err(QueryError::new(
            "next",
            "the filters differ from those the token was given out for; repeat them, or start again without it",
        ));
    }
    Ok(Some(Timestamp::from_micros(i64::from_be_bytes([a, b, c, d, e, f, g, h]))))
}

/// A short digest of everything that decides which items there are. Lengths go in front of texts, so that no two
/// different requests spell the same bytes.
fn filter_digest(resource: &str, query: &Query) -> [u8; 8] {
    let mut hash = Sha256::new();
    let mut text = |field: u8, value: &str| {
        hash.update([field]);
        hash.update(value.len().to_be_bytes());
        hash.update(value);
    };
    text(0, resource);
    query.added_after.iter().for_each(|after| text(1, &after.as_micros().to_string()));
    query.ids.iter().for_each(|id| text(2, id.as_str()));
    query.types.iter().for_each(|name| text(3, name));
    query.spec_versions.iter().for_each(|version| text(4, version));
    for version in &query.versions {
        match version {
            VersionMatch::Last => text(5, "last"),
            VersionMatch::First => text(5, "first"),
            VersionMatch::All => text(5, "all"),
            VersionMatch::At(instant) => text(5, &instant.as_micros().to_string()),
        }
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}
