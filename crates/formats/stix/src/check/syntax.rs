//! The spelling rules of STIX 2.1 §2 and §3.1, on plain text.

/// An identifier taken apart (§2.9).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identifier<'t> {
    pub(crate) type_name: &'t str,
    /// The UUID's version digit.
    pub(crate) version: char,
    /// Whether the UUID's variant is that of RFC 4122.
    pub(crate) rfc_variant: bool,
    /// Whether the UUID is spelled with upper-case digits.
    pub(crate) upper: bool,
}

/// Where the hyphens of a UUID stand.
const HYPHENS: [bool; 36] = {
    let mut hyphens = [false; 36];
    (hyphens[8], hyphens[13], hyphens[18], hyphens[23]) = (true, true, true, true);
    hyphens
};

impl<'t> Identifier<'t> {
    /// `None` when the text is not `type--uuid`.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let (head, uuid) = text.split_at_checked(text.len().checked_sub(36)?)?;
        let type_name = head.strip_suffix("--")?;
        let digits: &[u8; 36] = uuid.as_bytes().try_into().ok()?;
        // Without branches, so that the compiler can look at many digits at once.
        let (mut good, mut upper) = (true, false);
        for (digit, hyphen) in digits.iter().zip(HYPHENS) {
            let hex = digit.is_ascii_digit() | matches!(digit, b'a'..=b'f') | matches!(digit, b'A'..=b'F');
            good &= if hyphen { *digit == b'-' } else { hex };
            upper |= digit.is_ascii_uppercase();
        }
        if !good || !is_type_name(type_name) {
            return None;
        }
        let (version, variant) = (char::from(digits[14]), digits[19]);
        let rfc_variant = matches!(variant, b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
        Some(Self { type_name, version, rfc_variant, upper })
    }
}

/// §11.2: 3 to 250 of a–z, 0–9 and hyphen, no two hyphens in a row, beginning with a letter.
pub(crate) fn is_type_name(name: &str) -> bool {
    (3..=250).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.as_bytes().windows(2).any(|pair| pair == b"--")
}

/// §11.3. The suffix `-ext`, which the standard demands and its own example lacks, is not looked for.
pub(super) fn is_custom_extension_name(name: &str) -> bool {
    (3..=250).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// §3.1, §11.1: 3 to 250 of a–z, 0–9 and underscore, beginning with a letter.
pub(crate) fn is_property_name(name: &str) -> bool {
    (3..=250).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// §2.3: up to 250 of a–z, A–Z, 0–9, hyphen and underscore.
pub(super) fn is_dictionary_key(key: &str) -> bool {
    (1..=250).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// §2.8: lower-case digits only.
pub(super) fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// §2.11: lower case, with hyphens for spaces and underscores.
pub(super) fn is_hyphenated(text: &str) -> bool {
    !text.contains([' ', '_']) && !text.chars().any(char::is_uppercase)
}

/// §2.1: RFC 4648 §4, with padding.
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    text.len().is_multiple_of(4)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The shape of an RFC 5646 language tag: subtags of up to eight letters and digits, the first of letters.
pub(super) fn is_language(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    subtags.next().is_some_and(|first| {
        (1..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic())
    }) && subtags
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// What is known about a hash algorithm (§10.7).
pub(super) enum Digest {
    /// This many hexadecimal digits.
    Hex(usize),
    /// Some other text.
    Text,
    /// TLSH: 70 hexadecimal digits, or 72 with the version in front.
    Tlsh,
}

/// The algorithms of `hash-algorithm-ov`.
pub(super) fn digest(algorithm: &str) -> Option<Digest> {
    Some(match algorithm {
        "MD5" => Digest::Hex(32),
        "SHA-1" => Digest::Hex(40),
        "SHA-256" | "SHA3-256" => Digest::Hex(64),
        "SHA-512" | "SHA3-512" => Digest::Hex(128),
        "SSDEEP" => Digest::Text,
        "TLSH" => Digest::Tlsh,
        _ => return None,
    })
}

/// The algorithm of `hash-algorithm-ov` that somebody may have meant.
pub(super) fn digest_like(algorithm: &str) -> Option<&'static str> {
    const NAMES: &[&str] = &["MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH"];
    let bare = |name: &str| name.replace(['-', '_'], "").to_ascii_uppercase();
    NAMES.iter().copied().find(|name| bare(name) == bare(algorithm))
}

impl Digest {
    pub(super) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Hex(length) => text.len() == *length && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Text => text.split(':').count() == 3,
            Self::Tlsh => {
                let digits = text.strip_prefix("T1").unwrap_or(text);
                digits.len() == 70 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
        }
    }
}

/// An IPv4 address, with or without a prefix length.
pub(super) fn is_ipv4(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    address.parse::<std::net::Ipv4Addr>().is_ok() && prefix.is_none_or(|prefix| is_prefix(prefix, 32))
}

/// An IPv6 address, with or without a prefix length.
pub(super) fn is_ipv6(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    address.parse::<std::net::Ipv6Addr>().is_ok() && prefix.is_none_or(|prefix| is_prefix(prefix, 128))
}

fn is_prefix(text: &str, most: u8) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// §6.10: six lower-case octets with colons.
pub(super) fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(position, byte)| {
            if position % 3 == 2 { byte == b':' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') }
        })
}

/// RFC 1034 labels, or the U-labels of RFC 5890; the underscore of service names is let pass.
pub(super) fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    // A label of non-ASCII letters may grow or shrink when it is encoded, so its length is not checked here.
    (name.len() <= 253 || !name.is_ascii())
        && name.split('.').all(|label| {
            !label.is_empty()
                && (label.len() <= 63 || !label.is_ascii())
                && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        })
}

/// Something before and after one `@`, without white space or angle brackets.
pub(super) fn is_mailbox(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && (text.starts_with('"') || !text.contains([' ', '<', '>', '\t', '\n']))
}

/// RFC 3986 §3: a scheme, a colon, and no white space or control characters.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            && !rest.is_empty()
    }) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}
