//! Warning lists that are always there, written from public facts.

use observable::Kind;

use crate::warning::{Category, Matching, WarningList};

/// The lists every node starts with: special-purpose addresses, public resolvers, example and local names, hashes of
/// nothing, and the bare names of very large platforms.
#[must_use]
pub fn builtin() -> Vec<WarningList> {
    vec![
        list("special-purpose addresses (RFC 6890)", Matching::Cidr, ADDRESSES, &SPECIAL),
        list("public DNS resolvers", Matching::Cidr, ADDRESSES, &RESOLVERS),
        list("special-use domain names (RFC 6761)", Matching::Hostname, NAMES, &SPECIAL_NAMES),
        list("hashes of the empty file", Matching::Exact, HASHES, &EMPTY),
        list("names of very large platforms", Matching::Exact, NAMES, &PLATFORMS),
    ]
}

fn list(name: &str, matching: Matching, kinds: &[Kind], entries: &[&str]) -> WarningList {
    WarningList {
        name: name.to_owned(),
        version: 1,
        matching,
        category: Category::FalsePositive,
        kinds: kinds.to_vec(),
        entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
    }
}

const ADDRESSES: &[Kind] = &[Kind::Ipv4, Kind::Ipv6, Kind::Cidr4, Kind::Cidr6, Kind::Url];
const NAMES: &[Kind] = &[Kind::Domain, Kind::DomainSuffix, Kind::Url];
const HASHES: &[Kind] = &[
    Kind::Md5,
    Kind::Sha1,
    Kind::Sha224,
    Kind::Sha256,
    Kind::Sha384,
    Kind::Sha512,
    Kind::Sha3V256,
    Kind::Sha3V512,
    Kind::Ssdeep,
];

/// IANA special-purpose registries (RFC 6890 and its updates), multicast and reserved space. The IPv4-mapped block is
/// absent: a mapped address is judged as the IPv4 address it stands for.
const SPECIAL: [&str; 29] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Addresses that operators of open resolvers publish for everyone's use.
const RESOLVERS: [&str; 32] = [
    "1.0.0.1",
    "1.1.1.1",
    "1.0.0.2",
    "1.0.0.3",
    "1.1.1.2",
    "1.1.1.3",
    "4.2.2.1",
    "4.2.2.2",
    "8.8.4.4",
    "8.8.8.8",
    "8.26.56.26",
    "8.20.247.20",
    "9.9.9.9",
    "9.9.9.10",
    "64.6.64.6",
    "64.6.65.6",
    "76.76.2.0",
    "76.76.10.0",
    "94.140.14.14",
    "94.140.15.15",
    "149.112.112.112",
    "185.228.168.9",
    "185.228.169.9",
    "193.110.81.0",
    "185.253.5.0",
    "208.67.220.220",
    "208.67.222.222",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::fe",
];

/// RFC 2606, RFC 6761, RFC 6762, RFC 8375.
const SPECIAL_NAMES: [&str; 12] = [
    "example.com",
    "example.net",
    "example.org",
    "example",
    "test",
    "invalid",
    "localhost",
    "local",
    "localdomain",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
];

/// MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512, SHA3-256, SHA3-512 and ssdeep of zero bytes.
const EMPTY: [&str; 9] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
    "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
    "3::",
];

/// The names themselves, not what is below them: much of that is let to customers.
const PLATFORMS: [&str; 48] = [
    "adobe.com",
    "akamai.com",
    "amazon.com",
    "aol.com",
    "apple.com",
    "archive.org",
    "baidu.com",
    "bing.com",
    "cisco.com",
    "cloudflare.com",
    "debian.org",
    "discord.com",
    "dropbox.com",
    "duckduckgo.com",
    "ebay.com",
    "facebook.com",
    "etsy.com",
    "github.com",
    "gitlab.com",
    "gmail.com",
    "google.com",
    "hotmail.com",
    "ibm.com",
    "icloud.com",
    "instagram.com",
    "intel.com",
    "linkedin.com",
    "live.com",
    "microsoft.com",
    "mozilla.org",
    "netflix.com",
    "office.com",
    "oracle.com",
    "outlook.com",
    "paypal.com",
    "python.org",
    "reddit.com",
    "salesforce.com",
    "telegram.org",
    "twitter.com",
    "ubuntu.com",
    "virustotal.com",
    "whatsapp.com",
    "wikipedia.org",
    "windows.com",
    "windowsupdate.com",
    "yahoo.com",
    "youtube.com",
];
