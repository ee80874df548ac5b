//! Dependencies point down: `base < formats < engines < domains < ports < adapters < shell < binary`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::{Breach, none};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Base,
    Formats,
    Engines,
    Domains,
    Ports,
    Adapters,
    Shell,
    Binary,
    /// Never shipped: nothing else stands on it.
    Dev,
}

use Layer::*;

impl Layer {
    /// By the folder below the root.
    fn of(folder: &str) -> Option<Self> {
        let mut parts = folder.split('/');
        match (parts.next()?, parts.next()) {
            ("crates", Some("base")) => Some(Base),
            ("crates", Some("formats")) => Some(Formats),
            ("crates", Some("engines")) => Some(Engines),
            ("crates", Some("domains")) => Some(Domains),
            ("crates", Some("ports")) => Some(Ports),
            ("crates", Some("adapters")) => Some(Adapters),
            ("crates", Some("shell")) => Some(Shell),
            ("shieldwall", None) => Some(Binary),
            ("crates", Some("dev")) | ("xtask", None) => Some(Dev),
            _ => None,
        }
    }

    /// Time, randomness, files and connections are arguments there, or do not exist.
    fn is_pure(self) -> bool {
        self <= Ports
    }

    /// Whether a crate of this layer may stand on one of the other.
    fn may_use(self, other: Self) -> bool {
        match (self, other) {
            // Domains talk through values in base; adapters never see each other.
            (Domains, Domains) | (Adapters, Adapters) => false,
            // Which store or transport a node has is decided in one place.
            (Shell, Adapters) => false,
            _ => other <= self,
        }
    }
}

/// A pure crate must not reach these, however indirectly.
const OUTSIDE: [&str; 10] = [
    "tokio",
    "hyper",
    "axum",
    "rusqlite",
    "libsqlite3-sys",
    "reqwest",
    "rustls",
    "mio",
    "socket2",
    "tempfile",
];

/// Dear to compile, so named in few places: `(dependency, layers that may name it)`.
const CONFINED: [(&str, &[Layer]); 3] =
    [("clap", &[Binary]), ("utoipa", &[Shell, Binary]), ("rusqlite", &[Adapters])];

/// Dearer still: named by one crate alone, `(dependency, crate)`.
const OWNED: [(&str, &str); 6] = [
    ("cedar-policy", "shieldwall-policy"),
    ("evtx", "shieldwall-evtx"),
    ("memmap2", "shieldwall-segments"),
    ("parquet", "shieldwall-telemetry"),
    ("rsigma-eval", "shieldwall-detect"),
    ("rsigma-parser", "shieldwall-detect"),
];

/// The workspace as cargo sees it on this kind of machine; for others, more would have to be downloaded.
fn metadata() -> Metadata {
    let rustc = std::process::Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let platform = vec!["--filter-platform".to_owned(), host.to_owned()];
    MetadataCommand::new().manifest_path(manifest).other_options(platform).exec().unwrap()
}

fn layers(metadata: &Metadata) -> BTreeMap<&str, Layer> {
    let layer = |package: &Package| {
        let folder = package.manifest_path.parent().unwrap().strip_prefix(&metadata.workspace_root).unwrap();
        Layer::of(folder.as_str()).unwrap_or_else(|| panic!("{folder}: no layer is known for this folder"))
    };
    metadata.workspace_packages().iter().map(|package| (package.name.as_str(), layer(package))).collect()
}

fn shipped(kind: DependencyKind) -> bool {
    kind != DependencyKind::Development
}

#[test]
fn dependencies_point_down() {
    let metadata = metadata();
    let layers = layers(&metadata);
    let mut breaches: Vec<Breach> = Vec::new();
    for package in metadata.workspace_packages() {
        let layer = layers[package.name.as_str()];
        for dependency in package.dependencies.iter().filter(|dependency| shipped(dependency.kind)) {
            let (name, on) = (&package.name, &dependency.name);
            if let Some(other) = layers.get(on.as_str()).filter(|other| !layer.may_use(**other)) {
                breaches.push(format!("{name} ({layer:?}) must not depend on {on} ({other:?})"));
            }
            let confined = CONFINED.iter().find(|(confined, _)| confined == on);
            if confined.is_some_and(|(_, allowed)| layer != Dev && !allowed.contains(&layer)) {
                breaches.push(format!("{name} ({layer:?}) must not name {on}"));
            }
            if let Some((_, owner)) =
                OWNED.iter().find(|(owned, owner)| owned == on && *owner != name.as_str())
            {
                breaches.push(format!("{name} must not name {on}: only {owner} does"));
            }
        }
    }
    none(breaches);
}

#[test]
fn pure_layers_reach_nothing_outside() {
    let metadata = metadata();
    let layers = layers(&metadata);
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let below: BTreeMap<&PackageId, Vec<&PackageId>> = metadata
        .resolve
        .as_ref()
        .unwrap()
        .nodes
        .iter()
        .map(|node| {
            let kept = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| shipped(kind.kind)));
            (&node.id, kept.map(|dep| &dep.pkg).collect())
        })
        .collect();
    let mut breaches: Vec<Breach> = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        if !layers[name].is_pure() {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut open = vec![(&package.id, name.to_owned())];
        while let Some((id, way)) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if OUTSIDE.contains(&names[id]) {
                breaches.push(format!("a pure crate reaches the outside: {way}"));
            }
            open.extend(below[id].iter().map(|next| (*next, format!("{way} → {}", names[next]))));
        }
    }
    none(breaches);
}

#[test]
fn every_crate_keeps_the_house_settings() {
    let mut breaches: Vec<Breach> = Vec::new();
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in ["edition.workspace = true", "license.workspace = true", "publish.workspace = true"] {
            if !manifest.contains(line) {
                breaches.push(format!("{}: `{line}` is missing", package.name));
            }
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{}: the workspace lints are not on", package.name));
        }
    }
    none(breaches);
}

#[test]
fn the_rule_itself() {
    for (upper, lower, expect) in [
        (Formats, Base, true),
        (Formats, Formats, true),
        (Base, Formats, false),
        (Domains, Domains, false),
        (Ports, Domains, true),
        (Adapters, Adapters, false),
        (Adapters, Ports, true),
        (Shell, Adapters, false),
        (Shell, Shell, true),
        (Binary, Adapters, true),
        (Binary, Dev, false),
        (Shell, Dev, false),
        (Dev, Binary, true),
    ] {
        assert_eq!(upper.may_use(lower), expect, "{upper:?} on {lower:?}");
    }
}
