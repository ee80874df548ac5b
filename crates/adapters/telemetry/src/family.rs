//! Observables as texts in columns: kinds that are asked for together share one.

use observable::{Kind, Observable};

/// A column of observables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Family {
    /// Addresses and networks.
    Address = 0,
    /// Names of hosts.
    Domain = 1,
    /// URLs and targets of requests.
    Url = 2,
    /// Hashes of files and certificates, fingerprints of connections.
    Hash = 3,
    /// Names of files.
    FileName = 4,
    /// Everything else.
    Other = 5,
}

impl Family {
    /// Every one, by number.
    pub(crate) const ALL: [Self; 6] =
        [Self::Address, Self::Domain, Self::Url, Self::Hash, Self::FileName, Self::Other];

    /// Where it stands in [`Family::ALL`]; kept in write-ahead logs.
    pub(crate) const fn place(self) -> usize {
        self as usize
    }

    pub(crate) fn at(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }

    /// Where observables of a kind are kept. Files and logs are searched by it: a kind never moves.
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => Self::Address,
            Kind::Domain | Kind::DomainSuffix => Self::Domain,
            Kind::Url | Kind::HttpTarget => Self::Url,
            Kind::Md5
            | Kind::Sha1
            | Kind::Sha224
            | Kind::Sha256
            | Kind::Sha384
            | Kind::Sha512
            | Kind::Sha3V256
            | Kind::Sha3V512
            | Kind::Imphash
            | Kind::CertMd5
            | Kind::CertSha1
            | Kind::CertSha256
            | Kind::Ja3
            | Kind::Ja3s
            | Kind::Ja4
            | Kind::Jarm => Self::Hash,
            Kind::FileName => Self::FileName,
            Kind::Email
            | Kind::Ssdeep
            | Kind::Tlsh
            | Kind::CertSerial
            | Kind::RegistryKey
            | Kind::Mutex
            | Kind::UserAgent
            | Kind::Asn
            | Kind::Mac => Self::Other,
        }
    }
}

/// The text an observable is kept as: its kind, a colon and its key, which sorts as keys do.
pub(crate) fn text(observable: &Observable) -> String {
    format!("{}:{}", observable.kind(), observable.key())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in files must be found by later versions too.
    #[test]
    fn names_and_places_in_files_never_change() {
        let of = |family: Family| -> Vec<&str> {
            let kinds = Kind::ALL.iter().copied();
            kinds.filter(|kind| Family::of(*kind) == family).map(Kind::as_str).collect()
        };
        assert_eq!(of(Family::Address), ["ipv4", "ipv6", "cidr4", "cidr6"]);
        assert_eq!(of(Family::Domain), ["domain", "domain-suffix"]);
        assert_eq!(of(Family::Url), ["url", "http-target"]);
        assert_eq!(
            of(Family::Hash),
            [
                "md5",
                "sha1",
                "sha224",
                "sha256",
                "sha384",
                "sha512",
                "sha3-256",
                "sha3-512",
                "imphash",
                "cert-md5",
                "cert-sha1",
                "cert-sha256",
                "ja3",
                "ja3s",
                "ja4",
                "jarm"
            ]
        );
        assert_eq!(of(Family::FileName), ["file-name"]);
        assert_eq!(
            of(Family::Other),
            ["email", "ssdeep", "tlsh", "cert-serial", "registry-key", "mutex", "user-agent", "asn", "mac"]
        );
        for (place, family) in Family::ALL.iter().enumerate() {
            assert_eq!(family.place(), place);
            assert_eq!(Family::at(u8::try_from(place).unwrap()), Some(*family));
        }
        assert_eq!(Family::at(6), None);
    }
}
