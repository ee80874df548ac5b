//! Which kinds of log source there are, and how one is opened.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ports::logs::{Converter, Kind, LogError, LogSources, LogSpec, LogStream};
use ports::pull::{Field, FieldKind};

use crate::config::{Config, SWITCH, wrong};
use crate::file::{self, Pace};
use crate::{stdin, syslog};

/// Every kind there is.
pub const KINDS: &[Kind] = &[FILE, UDP, TCP, TLS, STDIN];

const FILE: Kind = Kind {
    kind: "file",
    summary: "follows a file, a folder or a pattern of files as they grow and rotate",
    fields: &[
        Field {
            name: "path",
            kind: FieldKind::File,
            required: true,
            help: "absolute path of a file, a folder, or files such as /var/log/suricata/eve.json*; `*` and `?` stand in the last part only",
        },
        Field {
            name: "from",
            kind: FieldKind::Choice(&["beginning", "end"]),
            required: false,
            help: "where to begin with files that are there when the source is opened for the first time",
        },
        Field {
            name: "recursive",
            kind: SWITCH,
            required: false,
            help: "whether folders below are read too, up to 16 deep",
        },
    ],
    example: r#"{"path":"/var/log/suricata/eve.json"}"#,
};

const LISTEN: Field = Field {
    name: "listen",
    kind: FieldKind::Text,
    required: true,
    help: "address and port such as 0.0.0.0:514; a port alone is reached from this machine only",
};

const IDLE: Field = Field {
    name: "idle_seconds",
    kind: FieldKind::Number { min: 1, max: 604_800, default: 3_600 },
    required: false,
    help: "seconds without a byte after which a connection is closed",
};

const UDP: Kind = Kind {
    kind: "syslog-udp",
    summary: "takes in syslog datagrams (RFC 5426)",
    fields: &[LISTEN],
    example: r#"{"listen":"127.0.0.1:514"}"#,
};

const TCP: Kind = Kind {
    kind: "syslog-tcp",
    summary: "takes in syslog over TCP, with octet counting or line by line (RFC 6587)",
    fields: &[LISTEN, IDLE],
    example: r#"{"listen":"127.0.0.1:601"}"#,
};

const TLS: Kind = Kind {
    kind: "syslog-tls",
    summary: "takes in syslog over TLS (RFC 5425), from anybody or from those with a certificate",
    fields: &[
        LISTEN,
        Field {
            name: "certificate",
            kind: FieldKind::File,
            required: true,
            help: "PEM file with the server's certificate chain, read anew when it changes",
        },
        Field {
            name: "key",
            kind: FieldKind::File,
            required: true,
            help: "PEM file with the certificate's key",
        },
        Field {
            name: "client_ca",
            kind: FieldKind::File,
            required: false,
            help: "PEM file with the authorities of clients' certificates; without it anybody may send",
        },
        IDLE,
    ],
    example: r#"{"listen":"127.0.0.1:6514","certificate":"/etc/shieldwall/syslog.pem","key":"/etc/shieldwall/syslog.key"}"#,
};

const STDIN: Kind =
    Kind { kind: "stdin", summary: "reads standard input to its end", fields: &[], example: "{}" };

/// Every kind there is, with what this node gives to its sources.
#[derive(Clone, Default)]
pub struct Kinds {
    converter: Option<Arc<dyn Converter>>,
    pace: Pace,
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kinds of log source, converting: {}, {:?}", self.converter.is_some(), self.pace)
    }
}

impl Kinds {
    /// All kinds; files are read as they are, at the default pace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with files that this converter suits turned into lines.
    #[must_use]
    pub fn converting(self, converter: Arc<dyn Converter>) -> Self {
        Self { converter: Some(converter), ..self }
    }

    /// The same, at another pace.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Opens a source, and says where it listens if it does: port 0 asks for any that is free.
    ///
    /// # Errors
    /// As [`LogSources::open`].
    pub fn listen(
        &self,
        spec: &LogSpec,
        position: Option<&str>,
    ) -> Result<(Box<dyn LogStream>, Option<SocketAddr>), LogError> {
        let config = read(spec)?;
        match spec.kind.as_str() {
            "syslog-udp" => syslog::udp(&spec.name, &config).map(|(stream, at)| (stream, Some(at))),
            "syslog-tcp" => syslog::tcp(&spec.name, &config).map(|(stream, at)| (stream, Some(at))),
            "syslog-tls" => syslog::tls(&spec.name, &config).map(|(stream, at)| (stream, Some(at))),
            "stdin" => Ok((stdin::open(), None)),
            _ => {
                let stream = file::open(&spec.name, &config, position, self.converter.clone(), self.pace)?;
                Ok((stream, None))
            }
        }
    }
}

impl LogSources for Kinds {
    fn kinds(&self) -> &[Kind] {
        KINDS
    }

    fn check(&self, spec: &LogSpec) -> Result<(), LogError> {
        read(spec).map(|_| ())
    }

    fn open(&self, spec: &LogSpec, position: Option<&str>) -> Result<Box<dyn LogStream>, LogError> {
        self.listen(spec, position).map(|(stream, _)| stream)
    }
}

/// The checked configuration.
fn read(spec: &LogSpec) -> Result<Config, LogError> {
    let kind = KINDS.iter().find(|kind| kind.kind == spec.kind).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
        wrong(format!("`{}` is not a kind of log source; there are {}", spec.kind, known.join(", ")))
    })?;
    let config = Config::read(&spec.config, kind.fields)?;
    match kind.kind {
        "file" => file::check(&config)?,
        "stdin" => {}
        _ => config.listen().map(|_| ())?,
    }
    Ok(config)
}
