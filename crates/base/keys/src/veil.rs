//! Short texts that somebody carries for us, and neither reads nor alters: where a page ended, say.
//!
//! XChaCha20-Poly1305 under a key of the node's own. What the text is about is authenticated with it, so that it is of no
//! use anywhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Bytes of randomness that each text is covered with.
pub const NONCE: usize = 24;

/// Covers texts and reads what it covered.
pub struct Veil(XChaCha20Poly1305);

impl Veil {
    /// With a key that is used for nothing else.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let key = Zeroizing::new(Key::from(*key));
        Self(XChaCha20Poly1305::new(&key))
    }

    /// The text as it may go out: URL-safe base64. A nonce must never come twice; random ones do not.
    #[must_use]
    pub fn cover(&self, nonce: [u8; NONCE], about: &str, text: &str) -> String {
        let payload = Payload { msg: text.as_bytes(), aad: about.as_bytes() };
        // It fails for texts of 256 GiB alone.
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The text; `None` for what this key never covered, or about something else.
    #[must_use]
    pub fn uncover(&self, about: &str, covered: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(covered).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        let text = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(text).ok()
    }
}
