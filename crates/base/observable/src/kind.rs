//! The kinds of observable, with numbers that never change.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal $text:literal,)*) => {
        /// What kind of thing a value is. The discriminants are stored: never renumber, only add.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $id,)*
        }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind of a stored number.
            #[must_use]
            pub const fn from_id(id: u8) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name used on the command line and in the API, such as `ipv4` or `sha256`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// An IPv4 address. Key: eight hex digits.
    Ipv4 = 1 "ipv4",
    /// An IPv6 address. Key: 32 hex digits.
    Ipv6 = 2 "ipv6",
    /// An IPv4 network shorter than /32. Key: network as hex, `/`, two-digit prefix length.
    Cidr4 = 3 "cidr4",
    /// An IPv6 network shorter than /128. Key: network as hex, `/`, three-digit prefix length.
    Cidr6 = 4 "cidr6",
    /// A domain name. Key: lower-case A-labels, reversed: `com.example.www`.
    Domain = 5 "domain",
    /// Every name below a domain, without the domain itself. Key: as for [`Kind::Domain`].
    DomainSuffix = 6 "domain-suffix",
    /// A URL. Key: scheme and host in lower case, default port dropped, RFC 3986 §6.2.2 escapes.
    Url = 7 "url",
    /// The path and query of an HTTP request, without its host. Key: as written, escapes as in a URL.
    HttpTarget = 8 "http-target",
    /// An e-mail address. Key: domain in lower case, local part as written.
    Email = 9 "email",
    /// MD5 of a file. Key of every hash: lower-case hex.
    Md5 = 10 "md5",
    /// SHA-1 of a file.
    Sha1 = 11 "sha1",
    /// SHA-224 of a file.
    Sha224 = 12 "sha224",
    /// SHA-256 of a file.
    Sha256 = 13 "sha256",
    /// SHA-384 of a file.
    Sha384 = 14 "sha384",
    /// SHA-512 of a file.
    Sha512 = 15 "sha512",
    /// SHA3-256 of a file.
    Sha3V256 = 16 "sha3-256",
    /// SHA3-512 of a file.
    Sha3V512 = 17 "sha3-512",
    /// ssdeep fuzzy hash. Key: as written.
    Ssdeep = 18 "ssdeep",
    /// TLSH locality-sensitive hash. Key: lower case, with the leading `t1` of version 4.
    Tlsh = 19 "tlsh",
    /// Import hash of a Windows executable (an MD5).
    Imphash = 20 "imphash",
    /// MD5 of a certificate.
    CertMd5 = 21 "cert-md5",
    /// SHA-1 of a certificate.
    CertSha1 = 22 "cert-sha1",
    /// SHA-256 of a certificate.
    CertSha256 = 23 "cert-sha256",
    /// Serial number of a certificate. Key: lower-case hex without separators or leading zeros.
    CertSerial = 24 "cert-serial",
    /// A Windows registry key. Key: lower case, hive spelled out, no trailing backslash.
    RegistryKey = 25 "registry-key",
    /// A mutex. Key: as written.
    Mutex = 26 "mutex",
    /// A user-agent header. Key: as written.
    UserAgent = 27 "user-agent",
    /// JA3 fingerprint of a TLS client (an MD5).
    Ja3 = 28 "ja3",
    /// JA3S fingerprint of a TLS server (an MD5).
    Ja3s = 29 "ja3s",
    /// JA4 fingerprint of a TLS client. Key: lower case.
    Ja4 = 30 "ja4",
    /// JARM fingerprint of a TLS server (62 hex digits).
    Jarm = 31 "jarm",
    /// An autonomous system. Key: its number in decimal.
    Asn = 32 "asn",
    /// A MAC address. Key: lower-case hex pairs with colons.
    Mac = 33 "mac",
    /// A file name without its directory. Key: as written.
    FileName = 34 "file-name",
}

impl Kind {
    /// The number stores keep.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// How many hex digits a value of this kind has, for those that are plain hex.
    pub(crate) const fn hex_digits(self) -> Option<usize> {
        Some(match self {
            Self::Md5 | Self::Imphash | Self::CertMd5 | Self::Ja3 | Self::Ja3s => 32,
            Self::Sha1 | Self::CertSha1 => 40,
            Self::Sha224 => 56,
            Self::Jarm => 62,
            Self::Sha256 | Self::Sha3V256 | Self::CertSha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 | Self::Sha3V512 => 128,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a kind of observable; use one such as ipv4, domain, url or sha256")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_round_trip() {
        for kind in Kind::ALL.iter().copied() {
            assert_eq!(Kind::from_id(kind.id()), Some(kind));
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(Kind::from_id(0), None);
        assert!("colour".parse::<Kind>().is_err());
    }

    #[test]
    fn stored_numbers_never_move() {
        let ids: Vec<u8> = Kind::ALL.iter().map(|kind| kind.id()).collect();
        assert_eq!(ids, (1..=34).collect::<Vec<u8>>(), "append new kinds; do not renumber");
        assert_eq!((Kind::Domain.id(), Kind::Sha256.id(), Kind::FileName.id()), (5, 13, 34));
    }
}
