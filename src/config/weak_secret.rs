//! Recognises secrets that an attacker would try: with the secret, sids from a copy of the database become cookies.

/// Fewer different characters are no random text: 16 random hexadecimal digits have at least 5 but for one in 30,000.
const MIN_DIFFERENT_CHARACTERS: usize = 5;
/// A text of this length or shorter would be too short as a secret, also if it is repeated.
const MAX_PERIOD: usize = 15;
/// As many characters must be left of a secret once the words of examples are taken out.
const MIN_OTHER_CHARACTERS: usize = 6;

/// The words of the secrets in examples, tutorials and templates, longest first where one contains another.
const EXAMPLE_WORDS: [&str; 78] = [
    "correcthorsebatterystaple",
    "qwertyuiop",
    "asdfghjkl",
    "1q2w3e4r",
    "administrator",
    "environment",
    "placeholder",
    "development",
    "application",
    "keyboardcat",
    "production",
    "connectsid",
    "characters",
    "javascript",
    "generated",
    "somewhere",
    "something",
    "anything",
    "changeme",
    "changeit",
    "insecure",
    "password",
    "passwort",
    "passw0rd",
    "changed",
    "default",
    "example",
    "express",
    "keyrack",
    "letmein",
    "replace",
    "session",
    "signing",
    "qwertz",
    "qwerty",
    "zxcvbn",
    "random",
    "change",
    "cookie",
    "secure",
    "secret",
    "server",
    "please",
    "should",
    "strong",
    "string",
    "insert",
    "super",
    "enter",
    "local",
    "value",
    "here",
    "long",
    "must",
    "next",
    "node",
    "auth",
    "asdf",
    "some",
    "test",
    "this",
    "todo",
    "token",
    "very",
    "your",
    "with",
    "abc",
    "app",
    "dev",
    "for",
    "jwt",
    "key",
    "the",
    "and",
    "not",
    "my",
    "me",
    "is",
];

/// Whether a secret repeats itself, counts up or down, or is made of the words of examples.
pub(super) fn is_weak(secret: &str) -> bool {
    let characters: Vec<char> = secret.to_lowercase().chars().collect();
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    different.len() < MIN_DIFFERENT_CHARACTERS
        || repeats_itself(&characters)
        || is_sequence(&characters)
        || is_made_of_examples(&characters)
}

/// Whether a short text is written twice or more often.
fn repeats_itself(characters: &[char]) -> bool {
    let longest = (characters.len() / 2).min(MAX_PERIOD);
    (1..=longest).any(|period| characters.iter().zip(&characters[period..]).all(|(one, other)| one == other))
}

/// Whether three of four characters are the next or the previous one of the character before.
fn is_sequence(characters: &[char]) -> bool {
    let steps = characters.windows(2).filter(|pair| u32::from(pair[0]).abs_diff(u32::from(pair[1])) <= 1).count();
    steps * 4 >= characters.len() * 3
}

fn is_made_of_examples(characters: &[char]) -> bool {
    let letters_and_digits = characters.iter().filter(|c| c.is_alphanumeric()).collect::<String>();
    let rest = EXAMPLE_WORDS.iter().fold(letters_and_digits, |rest, word| rest.replace(word, " "));
    // A blank stands for each word, so that taking it out joins nothing.
    let rest = rest.chars().filter(|c| *c != ' ').count();
    rest < MIN_OTHER_CHARACTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessable_secrets_are_recognised() {
        for secret in [
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "keyboard cat keyboard cat",
            "change me change me",
            "ChangeMe-ChangeMe-ChangeMe",
            "please change me, this is a secret",
            "your-secret-key-here",
            "my-super-secret-session-key",
            "replace_this_with_a_long_random_string",
            "supersecretpassword123",
            "1234567890123456",
            "0123456789abcdef",
            "abcdefghijklmnopqrstuvwxyz",
            "zyxwvutsrqponmlk",
            "qwertyuiopasdfghjkl",
            "correct horse battery staple",
            "                ",
        ] {
            assert!(is_weak(secret), "{secret}");
        }
    }

    #[test]
    fn random_secrets_are_accepted() {
        for secret in [
            "b1946ac92492d234",
            "Xk3vJ9qZ1mTf7bRw",
            "k9mBtsY4dQTnlJkdu4w3dGp2nYx0Ee6z0tzmGXjmcTI",
            "the newest secret of the tests",
            "an older secret than that",
            "a secret of another operator",
            "green tea, twice a day",
            "0195b3a0-4c1f-7d7e-9d3b-6a2f3c4d5e6f",
            "\u{fc}berm\u{fc}tige V\u{f6}gel 17",
        ] {
            assert!(!is_weak(secret), "{secret}");
        }
    }
}
