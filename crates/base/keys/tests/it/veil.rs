//! What a client carries for us.

use proptest::prelude::*;
use shieldwall_keys::veil::Veil;

proptest! {
    #[test]
    fn it_comes_back_as_it_went_and_only_to_who_covered_it(
        key in any::<[u8; 32]>(), nonce in any::<[u8; 24]>(), about in ".{0,20}", text in ".{0,200}", at in any::<prop::sample::Index>()
    ) {
        let veil = Veil::new(&key);
        let covered = veil.cover(nonce, &about, &text);
        prop_assert!(text.len() < 8 || !covered.contains(&text));
        prop_assert_eq!(veil.uncover(&about, &covered), Some(text));
        prop_assert_eq!(veil.uncover(&format!("{about}'"), &covered), None);
        let mut other = key;
        other[0] ^= 1;
        prop_assert_eq!(Veil::new(&other).uncover(&about, &covered), None);
        // One character changed, or gone.
        let mut letters: Vec<char> = covered.chars().collect();
        let place = at.index(letters.len());
        letters[place] = if letters[place] == 'A' { 'B' } else { 'A' };
        prop_assert_eq!(veil.uncover(&about, &letters.iter().collect::<String>()), None);
        letters.remove(place);
        prop_assert_eq!(veil.uncover(&about, &letters.iter().collect::<String>()), None);
    }
}

#[test]
fn what_was_never_covered_is_nothing() {
    let veil = Veil::new(&[7; 32]);
    for text in ["", "A", "not base64!", &"A".repeat(32), &"A".repeat(100)] {
        assert_eq!(veil.uncover("", text), None, "{text}");
    }
}
