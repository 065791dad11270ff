//! Unified social credit codes (统一社会信用代码, GB 32100-2015).
//!
//! A code is 18 characters: the registering department (1), the kind of body (1), the division where it was registered
//! (6, GB/T 2260), the body's own code (9, GB 11714) and a check character. Digits and capital letters without I, O,
//! S, V and Z. A right check character does not prove that the code was ever issued, and the division may be a
//! withdrawn one, so neither is judged here.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// The characters in the order of their values 0 to 30 (GB 32100-2015, table 2).
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Characters of a code.
const LENGTH: usize = 18;

/// A code of the right length and alphabet whose check character fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CreditCode(String);

/// Why a text is not a credit code: the first reason that holds for the text as it stands.
///
/// `suggestion` is the valid code that the text becomes in half-width capitals without blanks and hyphens, if it
/// becomes one. With a wrong check character there is none: such a text is written right already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreditCodeError {
    /// Not 18 characters.
    #[error("a unified social credit code has {LENGTH} characters{}", did_you_mean(.suggestion.as_ref()))]
    Length {
        /// What was meant.
        suggestion: Option<CreditCode>,
    },
    /// A character outside the alphabet.
    #[error(
        "a unified social credit code has digits and capital letters only, without I, O, S, V and Z{}",
        did_you_mean(.suggestion.as_ref())
    )]
    Charset {
        /// What was meant.
        suggestion: Option<CreditCode>,
    },
    /// The last character does not fit the 17 before it.
    #[error("the check character does not fit: the first 17 characters need {expected}")]
    CheckDigit {
        /// The one that would fit.
        expected: char,
    },
}

impl CreditCode {
    /// Takes `text` exactly as it stands: what is stored must be what was sent, so nothing is trimmed or folded.
    pub fn parse(text: &str) -> Result<Self, CreditCodeError> {
        if text.chars().count() != LENGTH {
            return Err(CreditCodeError::Length { suggestion: suggestion(text) });
        }
        if !text.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Err(CreditCodeError::Charset { suggestion: suggestion(text) });
        }
        let (first_17, last) = text.split_at(LENGTH - 1);
        match check_character(first_17) {
            Some(expected) if !last.starts_with(expected) => Err(CreditCodeError::CheckDigit { expected }),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The 18 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The check character of the first 17 characters of a code; `None` if they are not 17 of the alphabet.
///
/// The places weigh 3^i mod 31, and the check character makes the weighted sum a multiple of 31 (GB 32100-2015, 5).
#[must_use]
pub fn check_character(first_17: &str) -> Option<char> {
    if first_17.len() != LENGTH - 1 {
        return None;
    }
    let mut weight = 1;
    let mut sum = 0;
    for byte in first_17.bytes() {
        sum += weight * ALPHABET.iter().position(|known| *known == byte)?;
        weight = weight * 3 % ALPHABET.len();
    }
    let check = (ALPHABET.len() - sum % ALPHABET.len()) % ALPHABET.len();
    ALPHABET.get(check).map(|byte| char::from(*byte))
}

/// The valid code that `text` becomes when it is folded.
fn suggestion(text: &str) -> Option<CreditCode> {
    // Even spaced out a code is a few dozen characters: do not fold a document to say no.
    if text.chars().count() > 4 * LENGTH {
        return None;
    }
    let folded: String = text
        .nfkc()
        .filter(|character| !character.is_whitespace() && !is_hyphen(*character))
        .map(|character| character.to_ascii_uppercase())
        .collect();
    // Folding twice changes nothing, so a text that is folded already must not ask again.
    if folded == text { None } else { CreditCode::parse(&folded).ok() }
}

fn did_you_mean(suggestion: Option<&CreditCode>) -> String {
    suggestion.map(|code| format!("; did you mean {code}?")).unwrap_or_default()
}

/// Hyphens and dashes as keyboards and office programs write them.
const fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made up: division 110101 and a body code of nothing but letters and digits in a row.
    fn sample() -> String {
        let first_17 = "91110101MA0ABCDEF";
        format!("{first_17}{}", check_character(first_17).unwrap())
    }

    fn refusal(text: &str) -> CreditCodeError {
        CreditCode::parse(text).unwrap_err()
    }

    #[test]
    fn a_code_is_kept_as_it_stands() {
        let code = CreditCode::parse(&sample()).unwrap();
        assert_eq!(code.as_str(), sample());
        assert_eq!(code.to_string(), sample());
    }

    #[test]
    fn faults_come_in_order() {
        for text in ["", "s", "91110101MA0ABCDE", "11010119-X"] {
            assert_eq!(refusal(text), CreditCodeError::Length { suggestion: None }, "{text}");
        }
        for text in ["91110101MA0ABCDEFS", &"统".repeat(18)] {
            assert_eq!(refusal(text), CreditCodeError::Charset { suggestion: None }, "{text}");
        }
        let expected = sample().chars().last().unwrap();
        let wrong = if expected == '0' { '1' } else { '0' };
        assert_eq!(refusal(&format!("91110101MA0ABCDEF{wrong}")), CreditCodeError::CheckDigit { expected });
    }

    #[test]
    fn a_refusal_suggests_what_was_meant() {
        let suggestion = Some(CreditCode::parse(&sample()).unwrap());
        let wide: String = sample().bytes().map(|byte| char::from_u32(u32::from(byte) + 0xFEE0).unwrap()).collect();
        let spaced = format!(" {}-{}\u{3000}{} ", &sample()[..2], &sample()[2..8], &sample()[8..]);
        for text in [sample().to_lowercase(), wide] {
            assert_eq!(refusal(&text), CreditCodeError::Charset { suggestion: suggestion.clone() });
        }
        assert_eq!(refusal(&spaced), CreditCodeError::Length { suggestion });
        assert_eq!(refusal(&" ".repeat(1000)), CreditCodeError::Length { suggestion: None });
        let message = refusal(&sample().to_lowercase()).to_string();
        assert!(message.ends_with(&format!("; did you mean {}?", sample())), "{message}");
    }

    #[test]
    fn a_check_character_needs_17_known_characters() {
        assert_eq!(check_character("0".repeat(17).as_str()), Some('0'));
        assert_eq!(check_character("0"), None);
        assert_eq!(check_character("0000000000000000I"), None);
        assert_eq!(check_character("00000000000000统"), None);
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_always_detected(first_17 in "[0-9A-HJ-NP-RTUWXY]{17}", place in 0..18_usize, other in 1..31_usize) {
            let mut bytes = format!("{first_17}{}", check_character(&first_17).unwrap()).into_bytes();
            prop_assert!(CreditCode::parse(std::str::from_utf8(&bytes).unwrap()).is_ok());
            let value = ALPHABET.iter().position(|known| *known == bytes[place]).unwrap();
            bytes[place] = ALPHABET[(value + other) % ALPHABET.len()];
            let refused = refusal(std::str::from_utf8(&bytes).unwrap());
            let is_check_digit = matches!(refused, CreditCodeError::CheckDigit { .. });
            prop_assert!(is_check_digit, "{}", refused);
        }

        #[test]
        fn no_text_breaks_it(text in ".{0,40}") {
            if let Ok(code) = CreditCode::parse(&text) {
                prop_assert_eq!(code.as_str(), text);
            }
        }
    }
}
