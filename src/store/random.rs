//! Words that nobody guesses, from the random numbers of the system.

/// `len` characters of an alphabet of at most 128, each equally likely.
pub(super) fn word(alphabet: &[u8], len: usize) -> Result<String, getrandom::Error> {
    // Bytes at or above the largest multiple of the alphabet would favour its first characters.
    let limit = 256 - 256 % alphabet.len();
    let mut word = String::with_capacity(len);
    while word.len() < len {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        let fair = bytes.iter().map(|&byte| usize::from(byte)).filter(|&byte| byte < limit);
        let characters = fair.filter_map(|byte| alphabet.get(byte % alphabet.len()));
        word.extend(characters.take(len - word.len()).map(|&character| char::from(character)));
    }
    Ok(word)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_differ_and_use_the_whole_alphabet() {
        let one = word(b"abc", 300).expect("randomness");
        assert_eq!(one.len(), 300);
        assert_eq!(one.chars().collect::<BTreeSet<_>>(), "abc".chars().collect());
        assert_ne!(one, word(b"abc", 300).expect("randomness"));
    }

    #[test]
    fn hexadecimal_is_lower_case() {
        assert_eq!(hex(&[0, 0xab, 0x5f]), "00ab5f");
    }
}
