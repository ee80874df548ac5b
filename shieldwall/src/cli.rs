//! The command line, defined once: help, man pages, completions and the reference are made from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod agreement;
pub mod contain;
pub mod detect;
pub mod findings;
pub mod hunt;
pub mod logs;
pub mod mute;
pub mod releases;
pub mod rules;
pub mod terms;
pub mod trust;

use agreement::Agreement;
use findings::Findings;
use releases::Release;
use rules::Rules;
use terms::{BreakGlass, Orcon, Sharing};
use trust::{Audit, Courier, Key, Peer, Review};

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(
    name = "shieldwall",
    version,
    about = "A cooperative cyber-defence node: take intelligence in, keep it, share it live",
    after_help = "Exit codes: 0 all well, 1 findings or refusals, 2 wrong usage or surroundings."
)]
pub struct Cli {
    /// Print JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,

    #[command(subcommand)]
    pub command: Command,
}

/// Which node is meant.
#[derive(Debug, Clone, Args)]
pub struct Node {
    /// Directory of the node
    #[arg(
        long,
        env = "SHIELDWALL_DIR",
        hide_env_values = true,
        value_name = "DIR",
        default_value = "shieldwall-node"
    )]
    pub dir: PathBuf,
    /// Who acts, for the audit log
    #[arg(long, env = "USER", hide_env_values = true, value_name = "NAME", default_value = "local operator")]
    pub author: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a node in a directory
    Init {
        #[command(flatten)]
        node: Node,
        /// Name of the organisation
        #[arg(long)]
        name: String,
        /// Country code of the organisation (ISO 3166-1)
        #[arg(long, value_name = "CC")]
        country: Option<String>,
    },
    /// Run the node
    Serve(Serve),
    /// Run five nodes that share live, and watch an indicator travel
    Demo {
        /// STIX, MISP or list files that the first node imports before the scenario
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Recorded logs that two of the nodes read, in `host-logs` and `zeek` below this folder; small ones that were
        /// written for the demo unless given
        #[arg(long, value_name = "DIR")]
        captures: Option<PathBuf>,
        /// Indicators to publish one after the other
        #[arg(long, default_value_t = 20, value_name = "N")]
        rounds: u32,
        /// Stop after the scenario instead of leaving the nodes up
        #[arg(long)]
        once: bool,
    },
    /// Take in STIX bundles, MISP events and feeds, lists of values, warning lists
    Import {
        #[command(flatten)]
        node: Node,
        /// Files or folders; `-` is standard input
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// The source that the objects count as coming from; made when it is new
        #[arg(long, default_value = "own")]
        source: String,
        /// Label for unmarked objects of a source that is made by this import
        #[arg(long, default_value = "own")]
        default_label: String,
    },
    /// Write out what the node holds
    Export {
        #[command(flatten)]
        node: Node,
        /// What to write
        #[arg(long, value_enum, default_value_t = ExportFormat::Stix)]
        format: ExportFormat,
        /// Only objects of these types
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
        types: Vec<String>,
        /// Only objects from this source
        #[arg(long)]
        source: Option<String>,
        /// Only objects with exactly this label
        #[arg(long)]
        label: Option<String>,
        /// Only objects that may be handed on at least this widely
        #[arg(long, value_name = "LABEL")]
        at_least: Option<String>,
        /// Also versions that are not the newest
        #[arg(long)]
        all_versions: bool,
        /// The bytes as received, without labels added here: for your own archive only
        #[arg(long)]
        faithful: bool,
        /// Who outside this organisation is to have it: then only what may leave is written, and the ledger says so
        #[arg(long, value_name = "NAME", requires = "purpose", conflicts_with_all = ["faithful", "all_versions"])]
        recipient: Option<String>,
        /// What the recipient is to have it for, such as incident-response
        #[arg(long, requires = "recipient")]
        purpose: Option<String>,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print an object exactly as received
    Get {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// This version rather than the newest
        #[arg(long, value_name = "TIMESTAMP")]
        version: Option<String>,
        /// List the versions instead
        #[arg(long, conflicts_with = "version")]
        versions: bool,
    },
    /// Find objects by words, or by an exact value such as an address
    Search {
        #[command(flatten)]
        node: Node,
        /// Words to look for
        #[arg(required_unless_present = "value")]
        query: Option<String>,
        /// Objects that name exactly this address, domain, URL or hash (defanged is fine)
        #[arg(long, conflicts_with = "query")]
        value: Option<String>,
        /// Most results to show
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Make, revise or revoke objects of this organisation
    #[command(subcommand)]
    Object(Object),
    /// Make indicators
    #[command(subcommand)]
    Indicator(Indicator),
    /// Decide on values that were set aside
    #[command(subcommand)]
    Held(Held),
    /// Places objects come from
    #[command(subcommand)]
    Source(Source),
    /// Look after the store
    #[command(subcommand)]
    Store(Store),
    /// Copy the store into a new file while everything goes on
    Backup {
        #[command(flatten)]
        node: Node,
        /// File to write; must not exist
        file: PathBuf,
    },
    /// Make a node's directory from a backup
    Restore {
        #[command(flatten)]
        node: Node,
        /// File made by `shieldwall backup`
        file: PathBuf,
    },
    /// Check STIX without a node
    #[command(subcommand)]
    Stix(Stix),
    /// Check and run STIX patterns without a node
    #[command(subcommand)]
    Pattern(Pattern),
    /// Rules against logs: without a node, and those that the node runs itself
    #[command(subcommand)]
    Detect(detect::Detect),
    #[command(flatten)]
    Detection(detect::Detection),
    /// Talk to any TAXII 2.1 server
    #[command(subcommand)]
    Taxii(Taxii),
    /// People who may use the node
    #[command(subcommand)]
    User(User),
    /// Secrets that programs use
    #[command(subcommand)]
    Token(Token),
    /// Root keys, persons' keys, and the node's own
    #[command(subcommand)]
    Key(Key),
    /// Other parties' nodes: pairing by invitation and six words
    #[command(subcommand)]
    Peer(Peer),
    /// What may flow to whom: texts, signatures, previews, explanations, proofs
    #[command(subcommand)]
    Agreement(Agreement),
    /// What clients without a node may have: a SIEM on TAXII, a reader of blocklists
    #[command(subcommand)]
    Release(Release),
    /// Take an object back from everyone it was given to
    Withdraw {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Show who still holds what was given
    Holders {
        #[command(flatten)]
        node: Node,
        /// Only of this object
        id: Option<String>,
        /// Only what was taken back and is not confirmed erased
        #[arg(long)]
        open: bool,
    },
    /// Put what is held of an object under a legal hold, or lift it
    Hold {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// On what basis; without one the hold is lifted
        #[arg(long)]
        basis: Option<String>,
    },
    /// Show decisions on what may go to whom
    Decisions {
        #[command(flatten)]
        node: Node,
        /// Only about this object
        id: Option<String>,
        /// Decisions at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show what the node noticed, newest first: overdue erasures, keys that end, what is wrong with objects
    Findings(Findings),
    /// What waits for a release officer
    #[command(subcommand)]
    Review(Review),
    /// The node's own rules, which bind every agreement
    #[command(subcommand)]
    Rules(Rules),
    /// The same streams as files: across an air gap, or one way only
    #[command(subcommand)]
    Courier(Courier),
    /// How the terms of agreements stand, and notice
    #[command(subcommand)]
    Sharing(Sharing),
    /// The emergency clause: declare, list, report
    #[command(subcommand)]
    BreakGlass(BreakGlass),
    /// Originator control: ask to let an object go, and answer
    #[command(subcommand)]
    Orcon(Orcon),
    /// Ask a peer "have you seen any of these?" without telling which
    Ask {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        peer: String,
        /// The agreement's id, or the beginning of it
        #[arg(long)]
        agreement: String,
        /// What for: one of the agreement's purposes
        #[arg(long)]
        purpose: String,
        /// File with values of one kind, one a line; `-` is standard input
        #[arg(long, value_name = "FILE")]
        values: PathBuf,
    },
    /// Oversight reports: made on a node, verified anywhere
    #[command(subcommand)]
    Audit(Audit),
    /// Show what the node does and whether it is well
    Doctor {
        #[command(flatten)]
        node: Node,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the generated reference files
    #[command(hide = true)]
    GenDocs {
        /// Folder to write into
        #[arg(long)]
        dir: PathBuf,
    },
}

impl Command {
    /// The node that a command calls, for those that call one.
    pub const fn node(&self) -> Option<&Node> {
        Some(match self {
            Self::Import { node, .. }
            | Self::Export { node, .. }
            | Self::Get { node, .. }
            | Self::Search { node, .. }
            | Self::Backup { node, .. }
            | Self::Object(
                Object::New { node, .. }
                | Object::Revise { node, .. }
                | Object::Revoke { node, .. }
                | Object::Erase { node, .. }
                | Object::Feedback(hunt::Feedback { node, .. }),
            )
            | Self::Indicator(Indicator::Add { node, .. })
            | Self::Held(
                Held::List { node, .. }
                | Held::Release(Decide { node, .. })
                | Held::Drop(Decide { node, .. }),
            )
            | Self::Source(
                Source::List { node }
                | Source::Add { node, .. }
                | Source::Pull { node, .. }
                | Source::Remove { node, .. },
            )
            | Self::Store(Store::Verify { node } | Store::Status { node } | Store::Compact { node, .. })
            | Self::User(
                User::List { node }
                | User::Add { node, .. }
                | User::Password { node, .. }
                | User::Disable { node, .. }
                | User::Enable { node, .. }
                | User::Remove { node, .. },
            )
            | Self::Token(Token::List { node } | Token::Add { node, .. } | Token::Revoke { node, .. })
            | Self::Withdraw { node, .. }
            | Self::Holders { node, .. }
            | Self::Hold { node, .. }
            | Self::Decisions { node, .. }
            | Self::Review(
                Review::List { node, .. } | Review::Release { node, .. } | Review::Withhold { node, .. },
            )
            | Self::Audit(Audit::Report { node, .. })
            | Self::Ask { node, .. }
            | Self::Rules(
                Rules::Show { node }
                | Rules::Check { node, .. }
                | Rules::Diff { node, .. }
                | Rules::Set { node, .. },
            )
            | Self::Courier(Courier::Export { node, .. } | Courier::Import { node, .. }) => node,
            Self::Findings(findings) => &findings.node,
            Self::Detect(command) => return command.node(),
            Self::Detection(command) => command.node(),
            Self::Object(Object::Mutes(command)) => command.node(),
            Self::Key(key) => return key.node(),
            Self::Peer(peer) => peer.node(),
            Self::Release(release) => release.node(),
            Self::Sharing(sharing) => sharing.node(),
            Self::BreakGlass(command) => command.node(),
            Self::Orcon(command) => command.node(),
            Self::Agreement(agreement) => return agreement.node(),
            _ => return None,
        })
    }
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub node: Node,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:7531")]
    pub listen: SocketAddr,
    /// Serve without TLS; refused beyond loopback
    #[arg(long)]
    pub plaintext: bool,
    /// Certificate chain in PEM; without one a self-signed certificate is made
    #[arg(long, requires = "key", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Private key in PEM
    #[arg(long, requires = "cert", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Host or network that sources may be fetched from although it is not public; may be repeated
    #[arg(long = "allow-fetch", value_name = "HOST|NETWORK")]
    pub allow_fetch: Vec<String>,
    /// Address and port for other nodes; separate from the one for people
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7532")]
    pub peer_listen: SocketAddr,
    /// File whose first line opens the node's sealed keys; without one a key beside them does
    #[arg(long, value_name = "FILE", env = "SHIELDWALL_KEYS_PASSPHRASE_FILE", hide_env_values = true)]
    pub keys_passphrase_file: Option<PathBuf>,
    /// Days that events of logs are kept; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = crate::detecting::DAYS)]
    pub telemetry_days: u64,
    /// GiB of events that are kept, the oldest going first; 0 without end
    #[arg(long, value_name = "GIB", default_value_t = crate::detecting::GIB)]
    pub telemetry_gib: u64,
    /// Log in words rather than JSON
    #[arg(long)]
    pub pretty_log: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A STIX 2.1 bundle
    Stix,
    /// A MISP event
    Misp,
    /// One value per line
    List,
}

impl ExportFormat {
    /// The name in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stix => "stix",
            Self::Misp => "misp",
            Self::List => "list",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Object {
    /// Make an object of this organisation from JSON; id, times and creator are filled in
    New {
        #[command(flatten)]
        node: Node,
        /// File with the object; `-` is standard input
        file: PathBuf,
        /// Handling label (red, amber+strict, amber, green, clear); without one it stays here
        #[arg(long)]
        tlp: Option<String>,
        /// The exercise it belongs to, by the name in the agreement: it never goes under a text for the real world
        #[arg(long, value_name = "NAME")]
        exercise: Option<String>,
    },
    /// Publish a new version of an object of this organisation
    Revise {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// File with the properties to change; null removes one; `-` is standard input
        file: PathBuf,
    },
    /// Revoke an object of this organisation, for good
    Revoke {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
    },
    /// Erase an object here: every version, payload and trace of its content
    Erase {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Say what is thought of an object; whoever shared it is told
    Feedback(hunt::Feedback),
    #[command(flatten)]
    Mutes(mute::Mutes),
}

#[derive(Debug, Subcommand)]
pub enum Indicator {
    /// Publish an indicator of this organisation
    Add {
        #[command(flatten)]
        node: Node,
        /// An address, domain, URL, hash (defanged is fine), or a STIX pattern in brackets
        value: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// What it means
        #[arg(long)]
        description: Option<String>,
        /// Handling label; without one it stays here
        #[arg(long)]
        tlp: Option<String>,
        /// How sure you are, 0 to 100
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
        confidence: Option<u8>,
        /// When it stops being valid
        #[arg(long, value_name = "TIMESTAMP")]
        valid_until: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Held {
    /// Show what waits for a decision
    List {
        #[command(flatten)]
        node: Node,
        /// Also show what was decided
        #[arg(long)]
        all: bool,
    },
    /// Take a held value in after all
    Release(Decide),
    /// Drop a held value
    Drop(Decide),
}

#[derive(Debug, Args)]
pub struct Decide {
    #[command(flatten)]
    pub node: Node,
    /// Its number
    pub id: i64,
    /// Why
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Subcommand)]
pub enum Source {
    /// Show sources, their state and last error
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Follow a TAXII collection, a MISP feed or a list on the web
    Add {
        #[command(flatten)]
        node: Node,
        /// Its name, [a-z0-9-]+
        name: String,
        /// taxii, misp-feed or url-list
        #[arg(long)]
        kind: String,
        /// Configuration as KEY=VALUE, such as url=https://… or token_file=…
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Label for unmarked objects
        #[arg(long, default_value = "own")]
        default_label: String,
    },
    /// Pull a source now
    Pull {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Stop following a source; its objects stay
    Remove {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Store {
    /// Check everything against everything
    Verify {
        #[command(flatten)]
        node: Node,
    },
    /// Show sizes and cursors
    Status {
        #[command(flatten)]
        node: Node,
    },
    /// Forget old journal entries; older cursors expire and resynchronise
    Compact {
        #[command(flatten)]
        node: Node,
        /// How many of the newest entries to keep
        #[arg(long, value_name = "N")]
        keep: u64,
    },
}

#[derive(Debug, Subcommand)]
pub enum Stix {
    /// Validate files: one line per object with its findings
    Validate {
        /// Files; `-` is standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Also show warnings and notes
        #[arg(long, short)]
        verbose: bool,
    },
    /// Print the deterministic id of cyber-observable objects
    Id {
        /// Files; `-` is standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Pattern {
    /// Check a pattern
    Check {
        /// The pattern; read from standard input when absent
        pattern: Option<String>,
    },
    /// Evaluate a pattern over the observed data in bundles
    Match {
        /// The pattern
        #[arg(long)]
        pattern: String,
        /// Bundle file; may be repeated
        #[arg(long = "bundle", required = true, value_name = "FILE")]
        bundles: Vec<PathBuf>,
    },
}

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
pub struct Server {
    /// Address of the discovery resource or API root
    pub url: String,
    /// Id, alias or title of the collection
    #[arg(long)]
    pub collection: Option<String>,
    /// User name
    #[arg(long, requires = "password_file")]
    pub username: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// File with a bearer token
    #[arg(long, value_name = "FILE", conflicts_with = "username")]
    pub token_file: Option<PathBuf>,
    /// Client certificate in PEM
    #[arg(long, requires = "key", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Client key in PEM
    #[arg(long, requires = "cert", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Further trusted certificate authority in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Host or network that may be reached although it is not public
    #[arg(long = "allow-fetch", value_name = "HOST|NETWORK")]
    pub allow_fetch: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Taxii {
    /// Show what a server offers
    Discover {
        #[command(flatten)]
        server: Server,
    },
    /// Show the collections of an API root
    Collections {
        #[command(flatten)]
        server: Server,
    },
    /// Print the objects of a collection, one a line
    Pull {
        #[command(flatten)]
        server: Server,
        /// Only what was added after this instant
        #[arg(long, value_name = "TIMESTAMP")]
        added_after: Option<String>,
    },
    /// Add the objects of a bundle to a collection, and wait for the outcome
    Push {
        #[command(flatten)]
        server: Server,
        /// Bundle file
        #[arg(long)]
        bundle: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Show accounts
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Add an account
    Add {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
        /// follower, viewer, analyst or admin
        #[arg(long, default_value = "viewer")]
        role: String,
        /// File with the password; without one the account can only use tokens
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Set an account's password
    Password {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
        /// File with the new password
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Keep an account from signing in
    Disable {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Let a disabled account sign in again
    Enable {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Remove an account and its tokens
    Remove {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Show tokens, never their secrets
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Make a token; its secret is shown this once
    Add {
        #[command(flatten)]
        node: Node,
        /// Account it belongs to
        #[arg(long)]
        user: String,
        /// What it is for
        name: String,
        /// Confine it to these collections (alias or id)
        #[arg(long = "collection", value_name = "COLLECTION")]
        collections: Vec<String>,
        /// When it expires
        #[arg(long, value_name = "TIMESTAMP")]
        expires: Option<String>,
    },
    /// Revoke a token
    Revoke {
        #[command(flatten)]
        node: Node,
        /// Its id
        id: String,
    },
}
