//! C2SP tlog-tiles: paths, widths and content.

use ledger::merkle::{Leaves, Tree, inclusion_proof, leaf_hash, root, subtree_consistency_proof};
use ledger::merkle::{TileReader, verify_inclusion};
use ledger::tiles::{FULL, Tile, TileError};
use model::Digest;
use std::collections::BTreeMap;

use crate::leaves;

#[test]
fn paths_as_in_the_specification() {
    // "index 1234067 will be encoded as x001/x234/067"
    let tile = Tile::hashes(0, 1_234_067, u64::MAX).unwrap();
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    assert_eq!(Tile::entries(1_234_067, u64::MAX).unwrap().to_string(), "tile/entries/x001/x234/067");
    assert_eq!(Tile::hashes(0, 273, 70_000).unwrap().to_string(), "tile/0/273.p/112");
    for path in [
        "tile/0/000",
        "tile/7/999",
        "tile/2/000.p/1",
        "tile/entries/x001/000.p/255",
        "tile/7/x018/x446/x744/x073/x709/x551/615",
    ] {
        assert_eq!(path.parse::<Tile>().unwrap().to_string(), path);
    }
    // No tree has these; asking for their leaves must not overflow either.
    let last: Tile = "tile/7/x018/x446/x744/x073/x709/x551/615".parse().unwrap();
    assert_eq!(last.leaves(), (u64::MAX, u64::MAX));
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/0",
        "tile/00/000",
        "tile/8/000",
        "tile/63/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/data/000",
        "tile/entries/",
        "tile/8/0/000",
        "/tile/0/000",
        "tile/0/000?",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/\u{661}\u{661}\u{661}",
    ] {
        assert!(matches!(path.parse::<Tile>(), Err(TileError::Path(_))), "{path}");
    }
}

#[test]
fn widths_as_in_the_specification() {
    // "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one
    // full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1"
    let mut found: BTreeMap<(Option<u8>, u16), usize> = BTreeMap::new();
    for tile in Tile::since(0, 70_000) {
        *found.entry((tile.level(), tile.width())).or_default() += 1;
    }
    let expected = [
        ((None, 112), 1),
        ((None, 256), 273),
        ((Some(0), 112), 1),
        ((Some(0), 256), 273),
        ((Some(1), 17), 1),
        ((Some(1), 256), 1),
        ((Some(2), 1), 1),
    ];
    assert_eq!(found, expected.into_iter().collect());
    // "a tree of size 256 will be represented by a full level 0 tile and a partial level 1 tile of width 1"
    let paths: Vec<String> = Tile::since(0, 256).map(|tile| tile.to_string()).collect();
    assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(Tile::since(70_000, 70_000).count(), 0);
    let grown: Vec<String> = Tile::since(255, 257).map(|tile| tile.to_string()).collect();
    assert_eq!(
        grown,
        ["tile/entries/000", "tile/entries/001.p/1", "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]
    );
    assert_eq!(Tile::hashes(0, 274, 70_000), None);
    assert_eq!(Tile::hashes(8, 0, u64::MAX), None);
    assert_eq!(Tile::hashes(0, u64::MAX, u64::MAX), None);
}

#[test]
fn tiles_carry_a_whole_log() {
    let commitments: Vec<Digest> = leaves(70_000);
    let hashes: Vec<Digest> = commitments.iter().map(|commitment| leaf_hash(&commitment.0)).collect();
    let mut tree = Tree::new();
    hashes.iter().for_each(|hash| tree.append(*hash));
    let reader = tree.reader(|tile| hashes.chunks(256).nth(tile as usize).map(<[Digest]>::to_vec));
    let files: BTreeMap<String, Vec<u8>> = Tile::since(0, 70_000)
        .map(|tile| {
            let content = match tile.level() {
                Some(_) => tile.write(&reader).unwrap(),
                None => Tile::write_entries(commitments.chunks(256).nth(tile.index() as usize).unwrap()),
            };
            (tile.to_string(), content)
        })
        .collect();
    assert_eq!(files["tile/0/000"].len(), 8192);

    // Whoever has the files alone can prove, and verify every one of them.
    let fetch = |tile: Tile| tile.read(files.get(&tile.to_string())?).ok();
    let remote = TileReader::new(70_000, fetch);
    let whole = tree.root();
    for index in [0, 255, 256, 65_535, 69_887, 69_999] {
        let proof = inclusion_proof(&remote, 70_000, index).unwrap();
        verify_inclusion(index, 70_000, &hashes[index as usize], &proof, &whole).unwrap();
    }
    for (path, content) in &files {
        let tile: Tile = path.parse().unwrap();
        let (start, end) = tile.leaves();
        if tile.level().is_some() {
            let read = tile.read(content).unwrap();
            let proof = subtree_consistency_proof(&remote, start, end, 70_000).unwrap();
            tile.verify(&read, &proof, 70_000, &whole).unwrap();
            let mut changed = read.clone();
            changed[0].0[0] ^= 1;
            assert!(matches!(
                tile.verify(&changed, &proof, 70_000, &whole),
                Err(TileError::NotInTree { .. })
            ));
        } else {
            let bundle = tile.read_entries(content).unwrap();
            let level0 = Tile::hashes(0, tile.index(), 70_000).unwrap();
            tile.verify_entries(&bundle, &fetch(level0).unwrap()).unwrap();
        }
    }
}

#[test]
fn content_of_the_wrong_form_is_refused() {
    let hashes = leaves(3);
    let tile = Tile::hashes(0, 0, 3).unwrap();
    let bundle = Tile::entries(0, 3).unwrap();
    assert_eq!(tile.write(&Leaves(&hashes)).unwrap().len(), 96);
    assert_eq!(bundle.write(&Leaves(&hashes)), None);
    for length in [0, 95, 97, 128] {
        assert!(matches!(tile.read(&vec![0; length]), Err(TileError::Length { .. })), "{length}");
        assert!(matches!(bundle.read_entries(&vec![0; length]), Err(TileError::Length { .. })), "{length}");
    }
    let mut content = Tile::write_entries(&hashes);
    assert_eq!(bundle.read_entries(&content).unwrap(), hashes);
    content[34 + 1] = 31;
    assert_eq!(bundle.read_entries(&content), Err(TileError::Entry { tile: bundle, at: 1 }));
    let mut others = hashes.clone();
    others.swap(0, 2);
    let of: Vec<Digest> = hashes.iter().map(|entry| leaf_hash(&entry.0)).collect();
    assert_eq!(bundle.verify_entries(&others, &of), Err(TileError::Differs { tile: bundle, at: 0 }));
    assert!(matches!(bundle.verify_entries(&others[..2], &of), Err(TileError::Length { .. })));
    assert!(matches!(
        tile.verify(&hashes[..2], &[], 3, &root(&Leaves(&hashes), 3).unwrap()),
        Err(TileError::Length { .. })
    ));
    assert_eq!(FULL, 256);
}
