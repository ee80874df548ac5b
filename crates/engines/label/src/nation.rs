//! Nations by their code.

use std::fmt;
use std::str::FromStr;

use crate::text::InvalidText;

/// A nation, by its ISO 3166-1 alpha-3 code in upper case (which GENC trigraphs are, too).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nation(&'static str);

/// Alpha-2 and alpha-3 codes of ISO 3166-1, by alpha-2; XK and XKX for Kosovo are user-assigned there.
const CODES: &str = "\
AD AND AE ARE AF AFG AG ATG AI AIA AL ALB AM ARM AO AGO AQ ATA AR ARG AS ASM AT AUT AU AUS AW ABW AX ALA AZ AZE \
BA BIH BB BRB BD BGD BE BEL BF BFA BG BGR BH BHR BI BDI BJ BEN BL BLM BM BMU BN BRN BO BOL BQ BES BR BRA BS BHS \
BT BTN BV BVT BW BWA BY BLR BZ BLZ CA CAN CC CCK CD COD CF CAF CG COG CH CHE CI CIV CK COK CL CHL CM CMR CN CHN \
CO COL CR CRI CU CUB CV CPV CW CUW CX CXR CY CYP CZ CZE DE DEU DJ DJI DK DNK DM DMA DO DOM DZ DZA EC ECU EE EST \
EG EGY EH ESH ER ERI ES ESP ET ETH FI FIN FJ FJI FK FLK FM FSM FO FRO FR FRA GA GAB GB GBR GD GRD GE GEO GF GUF \
GG GGY GH GHA GI GIB GL GRL GM GMB GN GIN GP GLP GQ GNQ GR GRC GS SGS GT GTM GU GUM GW GNB GY GUY HK HKG HM HMD \
HN HND HR HRV HT HTI HU HUN ID IDN IE IRL IL ISR IM IMN IN IND IO IOT IQ IRQ IR IRN IS ISL IT ITA JE JEY JM JAM \
JO JOR JP JPN KE KEN KG KGZ KH KHM KI KIR KM COM KN KNA KP PRK KR KOR KW KWT KY CYM KZ KAZ LA LAO LB LBN LC LCA \
LI LIE LK LKA LR LBR LS LSO LT LTU LU LUX LV LVA LY LBY MA MAR MC MCO MD MDA ME MNE MF MAF MG MDG MH MHL MK MKD \
ML MLI MM MMR MN MNG MO MAC MP MNP MQ MTQ MR MRT MS MSR MT MLT MU MUS MV MDV MW MWI MX MEX MY MYS MZ MOZ NA NAM \
NC NCL NE NER NF NFK NG NGA NI NIC NL NLD NO NOR NP NPL NR NRU NU NIU NZ NZL OM OMN PA PAN PE PER PF PYF PG PNG \
PH PHL PK PAK PL POL PM SPM PN PCN PR PRI PS PSE PT PRT PW PLW PY PRY QA QAT RE REU RO ROU RS SRB RU RUS RW RWA \
SA SAU SB SLB SC SYC SD SDN SE SWE SG SGP SH SHN SI SVN SJ SJM SK SVK SL SLE SM SMR SN SEN SO SOM SR SUR SS SSD \
ST STP SV SLV SX SXM SY SYR SZ SWZ TC TCA TD TCD TF ATF TG TGO TH THA TJ TJK TK TKL TL TLS TM TKM TN TUN TO TON \
TR TUR TT TTO TV TUV TW TWN TZ TZA UA UKR UG UGA UM UMI US USA UY URY UZ UZB VA VAT VC VCT VE VEN VG VGB VI VIR \
VN VNM VU VUT WF WLF WS WSM XK XKX YE YEM YT MYT ZA ZAF ZM ZMB ZW ZWE";

/// Groups that release markings name, by the CAPCO register of tetragraphs. Only such whose members do not change.
const GROUPS: [(&str, &[&str]); 3] = [
    ("FVEY", &["AUS", "CAN", "GBR", "NZL", "USA"]),
    ("ACGU", &["AUS", "CAN", "GBR", "USA"]),
    ("TEYE", &["AUS", "GBR", "USA"]),
];

impl Nation {
    /// The nation of an alpha-3 code in upper case.
    #[must_use]
    pub fn from_alpha3(code: &str) -> Option<Self> {
        let at = |want: &str| CODES.split(' ').skip(1).step_by(2).find(|known| *known == want);
        if code.len() == 3 { at(code).map(Self) } else { None }
    }

    /// The alpha-3 code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The members of a code that release markings use: one nation, or those of FVEY, ACGU or TEYE. Empty for
    /// anything else, so that a code nobody knows releases nothing.
    #[must_use]
    pub fn expand(code: &str) -> Vec<Self> {
        let upper = code.trim().to_ascii_uppercase();
        match GROUPS.iter().find(|(group, _)| *group == upper) {
            Some((_, members)) => members.iter().filter_map(|member| Self::from_alpha3(member)).collect(),
            None => upper.parse().ok().into_iter().collect(),
        }
    }
}

impl FromStr for Nation {
    type Err = InvalidText;

    /// Accepts alpha-2 and alpha-3 codes in any case of ASCII, and `UK`.
    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let upper = text.to_ascii_uppercase();
        let mut codes = CODES.split(' ');
        let found = match upper.as_str() {
            "UK" => Self::from_alpha3("GBR"),
            two if two.len() == 2 => loop {
                match (codes.next(), codes.next()) {
                    (Some(known), Some(three)) if known == two => break Some(Self(three)),
                    (Some(_), Some(_)) => {}
                    _ => break None,
                }
            },
            other => Self::from_alpha3(other),
        };
        found.ok_or_else(|| InvalidText::new("an ISO 3166-1 code of a nation", text))
    }
}

impl fmt::Display for Nation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Nation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_a_bijection_of_codes() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 2 * 250);
        let pairs = codes.chunks(2);
        assert!(pairs.clone().all(|pair| pair[0].len() == 2 && pair[1].len() == 3));
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_uppercase())));
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for pair in pairs {
            assert_eq!(pair[0].parse::<Nation>(), pair[1].parse());
        }
    }

    #[test]
    fn spellings() {
        let gbr: Nation = "GBR".parse().unwrap();
        for text in ["gb", "GB", "Gbr", "uk", "UK"] {
            assert_eq!(text.parse(), Ok(gbr), "{text}");
        }
        // A look-alike, a name, a wildcard and nothing are no nation.
        for text in ["GВR", "Britain", "ALL", "*", "", "EU", "NATO", "G", "GBRX", " GB"] {
            assert!(text.parse::<Nation>().is_err(), "{text}");
        }
    }

    #[test]
    fn groups_expand_and_unknown_ones_to_nobody() {
        assert_eq!(Nation::expand("fvey").len(), 5);
        assert_eq!(Nation::expand(" uk "), ["GBR".parse().unwrap()]);
        assert_eq!(Nation::expand("NATO"), []);
    }
}
