//! Numbers with check digits: what tells an account or a person's number from any other row of digits.

/// Whether a row of digits has a right Luhn check digit (ISO/IEC 7812-1 annex B).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            if place % 2 == 0 { digit } else { digit * 2 % 10 + digit / 5 }
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Whether a row of digits is a payment card number: 13 to 19 digits, an issuer's prefix, a right check digit.
pub(crate) fn payment_card(digits: &[u8]) -> bool {
    let major = matches!(digits, [3, 4..=8, ..] | [2 | 4..=6, ..]);
    let varied = digits.windows(2).any(|pair| matches!(pair, [a, b] if a != b));
    (13..=19).contains(&digits.len()) && major && varied && luhn(digits)
}

/// Lengths of IBANs by country (ISO 13616 registry).
const IBAN: [(&str, usize); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// Whether a text without spaces is an IBAN: a known country, its length, and the remainder 1 modulo 97 (ISO 7064).
pub(crate) fn iban(text: &str) -> bool {
    let Some((head, rest)) = text.split_at_checked(4) else { return false };
    let known = IBAN.iter().any(|(country, length)| head.starts_with(country) && text.len() == *length);
    if !known {
        return false;
    }
    let mut remainder = 0u32;
    for byte in rest.bytes().chain(head.bytes()) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => remainder * 100 + u32::from(byte - b'A') + 10,
            _ => return false,
        } % 97;
    }
    remainder == 1
}

/// Estonia's isikukood, which Lithuania's asmens kodas shares: 11 digits; century and sex, a date, a serial, and a
/// check digit in two rounds of weights.
pub(crate) fn baltic_personal_code(digits: &[u8]) -> bool {
    let [century, _, _, month_tens, month_ones, day_tens, day_ones, _, _, _, check] = digits else {
        return false;
    };
    let month = month_tens * 10 + month_ones;
    let day = day_tens * 10 + day_ones;
    if !(1..=8).contains(century) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return false;
    }
    let weigh = |weights: [u32; 10]| {
        digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum::<u32>() % 11
    };
    let first = weigh([1, 2, 3, 4, 5, 6, 7, 8, 9, 1]);
    let expected = if first < 10 { first } else { weigh([3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 10 };
    u32::from(*check) == expected
}

/// Spain's DNI (8 digits and a letter) and NIE (X, Y or Z, 7 digits and a letter): the letter is the number modulo 23.
pub(crate) fn spanish_identity(text: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let bytes = text.as_bytes();
    let [first, middle @ .., letter] = bytes else { return false };
    if bytes.len() != 9 || !middle.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let lead = match first.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => digit - b'0',
        letter @ b'X'..=b'Z' => letter - b'X',
        _ => return false,
    };
    let number = middle.iter().fold(u32::from(lead), |number, digit| number * 10 + u32::from(digit - b'0'));
    LETTERS.get((number % 23) as usize) == Some(&letter.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    #[test]
    fn published_examples_pass_and_each_changed_digit_fails() {
        // The registry's own examples for these countries.
        for text in
            ["GB82WEST12345698765432", "DE89370400440532013000", "EE382200221020145685", "NO9386011117947"]
        {
            assert!(iban(text), "{text}");
            for place in 4..text.len() {
                let mut changed = text.as_bytes().to_vec();
                changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
                let changed = String::from_utf8(changed).unwrap();
                assert!(changed == text || !iban(&changed), "{changed}");
            }
        }
        for text in [
            "HN88CABF00000000000250005469",
            "NI45BAPR00000013000003558124",
            "OM810180000001299123456",
            "RU0304452522540817810538091310419",
            "SO211000001001000100141",
            "TL380080012345678910157",
            "VA59001123000012345678",
            "VG96VPVG0000012345678901",
            "XK051212012345678906",
            "YE15CBYE0001018861234567891234",
        ] {
            assert!(iban(text), "{text}");
        }
        assert!(!iban("ZZ82WEST12345698765432") && !iban("GB82WEST1234569876543") && !iban(""));
    }

    #[test]
    fn cards_need_prefix_length_and_check_digit() {
        assert!(payment_card(&digits("4111 1111 1111 1111")) && payment_card(&digits("378282246310005")));
        assert!(!payment_card(&digits("4111 1111 1111 1112")) && !payment_card(&digits("0000000000000000")));
        assert!(!payment_card(&digits("9111111111111111")) && !luhn(&[]));
    }

    #[test]
    fn national_numbers_have_their_own_arithmetic() {
        assert!(baltic_personal_code(&digits("37605030299")));
        assert!(
            !baltic_personal_code(&digits("37605030298")) && !baltic_personal_code(&digits("37613030299"))
        );
        assert!(
            spanish_identity("12345678Z") && spanish_identity("X1234567L") && spanish_identity("x1234567l")
        );
        assert!(!spanish_identity("12345678A") && !spanish_identity("ñ1234567L") && !spanish_identity(""));
    }

    #[test]
    fn the_second_round_of_weights_counts() {
        // 4950101 with serials whose first sum is 10 modulo 11: the second round decides.
        let mut second = 0;
        for serial in 0..1000u32 {
            let head = format!("4950101{serial:03}");
            let right: Vec<_> =
                (0..10).filter(|check| baltic_personal_code(&digits(&format!("{head}{check}")))).collect();
            assert_eq!(right.len(), 1, "exactly one check digit is right");
            let sum: u32 = digits(&head)
                .iter()
                .zip([1, 2, 3, 4, 5, 6, 7, 8, 9, 1])
                .map(|(d, w)| u32::from(*d) * w)
                .sum();
            second += u32::from(sum % 11 == 10);
        }
        assert!(second > 0);
    }
}
