use super::*;

/// All entries of 15 characters and more of Django 5.2's `common-passwords.txt.gz`; see `lists/LICENSES.md`.
const DJANGO: [&str; 48] = [
    "polniypizdec0211",
    "пїѕпїѕпїѕпїѕпїѕпїѕ",
    "yfdbufnjh10305070",
    "пїѕпїѕпїѕпїѕпїѕпїѕпїѕ",
    "пїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕ",
    "1q2w3e4r5t6y7u8i9o0p",
    "polniypizdec110211",
    "123456789987654321",
    "123456789123456789",
    "пїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕ",
    "пїѕпїѕпїѕпїѕпїѕ",
    "polniypizdec1102",
    "demon1q2w3e4r5t",
    "john!20130605at1753",
    "1q2w3e4r5t6y7u8i",
    "mega_pizdetz666",
    "пїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕ",
    "doomsayer.2.7mords.v",
    "1q2w3e4r5t6y7u8i9o",
    "friend of emily",
    "doomsayer.2.7mords.vv",
    "12345678900987654321",
    "1qaz2wsx3edc4rfv",
    "migrationschool",
    "123456789123456",
    "12345678901234567890",
    "sdf7asdf6asdg8df",
    "1234567890qwertyuiop",
    "asdfghjkl:&#39:",
    "friend of gerly",
    "inactive1996aug",
    "1234567891234567",
    "123456789qwerty",
    "qazwsxedcrfvtgb",
    "q1w2e3r4t5y6u7i8o9p0",
    "familiyafamiliya",
    "123456789101112",
    "12345678987654321",
    "neworleans12345",
    "qwerty123456789",
    "пїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕпїѕ",
    "111111111111111",
    "kartoffelpuffer",
    "lightpower12345",
    "stefangreil1983",
    "somanypickles27",
    "manchesterunited",
    "1234567890987654321",
];

fn check(password: &str) -> Result<(), PasswordPolicyError> {
    let email = "rajat.verma@firma.example".parse().unwrap();
    let policy = PasswordPolicy::new("keys.northwind.org", "", None);
    policy.check(&Password::new(password), Some(&email), ["Rajat", "Verma", "Élodie Müller"])
}

fn assert_refused(passwords: &[&str], reason: PasswordPolicyError) {
    for password in passwords {
        assert_eq!(check(password), Err(reason), "{password}");
    }
}

/// A number below `max`.
fn random_below(max: usize) -> usize {
    usize::try_from(getrandom::u32().unwrap()).unwrap() % max
}

#[test]
fn length_is_counted_in_characters_after_composition() {
    let letters = "bqxjmzkwvfhgtypd";
    for (password, expected) in [
        (&letters[..14], Err(PasswordPolicyError::TooShort)),
        (&letters[..15], Ok(())),
        // Fourteen characters, of which the last is typed as two, and fifteen of them.
        ("bqxjmzkwvfhgtye\u{301}", Ok(())),
        ("bqxjmzkwvfhgte\u{301}", Err(PasswordPolicyError::TooShort)),
        ("ümläüte zählen!", Ok(())),
        ("🦊🌋🎻🧭🍋🚲🐙🌵🎲🪐🧵🛶🍄🔭", Err(PasswordPolicyError::TooShort)),
        ("🦊🌋🎻🧭🍋🚲🐙🌵🎲🪐🧵🛶🍄🔭🎈", Ok(())),
        ("", Err(PasswordPolicyError::TooShort)),
    ] {
        assert_eq!(check(password), expected, "{password}");
    }
    let words: String = (0..300).map(|_| ('a'..='z').nth(random_below(26)).unwrap()).collect();
    assert_eq!(check(&words[..256]), Ok(()));
    assert_eq!(check(&words[..257]), Err(PasswordPolicyError::TooLong));
    let decomposed = "e\u{301}".repeat(20) + &words[..236];
    assert_eq!(check(&decomposed), Ok(()), "256 characters");
    assert_eq!(check(&(decomposed + "x")), Err(PasswordPolicyError::TooLong));
}

#[test]
fn long_passwords_of_djangos_list_are_refused() {
    assert_refused(&DJANGO, PasswordPolicyError::Common);
}

#[test]
fn common_words_and_patterns_are_refused() {
    assert_refused(
        &[
            "P@ssw0rdP@ssw0rd",
            "administrator123",
            "administratoradministrator",
            "Password12345678",
            "letmeinletmein1",
            "iloveyouforever1",
            "thisismypassword",
            "p.a.s.s.w.o.r.d.1.2.3",
            "drowssapdrowssap",
            "Summer2024!Summer2024!",
            "admin-admin-admin-1",
            "test1test2test3test4",
            "qwertyuiopasdfghjkl",
            "qwertzuiopasdfg",
            "azertyuiopqsdfg",
            "!QAZ@WSX#EDC$RFV",
            "zaq12wsxcde34rfv",
            "a1b2c3d4e5f6g7h8",
            "001002003004005",
            "121314151617181920",
            "0101199001011991",
            "1234567890123456",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "               ",
            "ababababababababab",
            "pässwördpässwörd",
            "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
            &"ab".repeat(128),
        ],
        PasswordPolicyError::Common,
    );
}

#[test]
fn published_example_passphrases_are_refused() {
    assert_refused(
        &[
            "correct horse battery staple",
            "Correct-Horse-Battery-Staple",
            "CorrectHorseBatteryStaple",
            "correct_horse_battery_staple_1",
            "c0rrect h0rse b@ttery st4ple!",
            "correct horse battery staple 2024",
            "elpats yrettab esroh tcerroc",
            "MargaretThatcheris110%SEXY",
            "brig alert rope welsh foss rang orb",
            "test test test test test test test test test test test junk",
            "The quick brown fox jumps over the lazy dog.",
            "Lorem ipsum dolor sit amet",
            "May the force be with you!",
            "to be, or not to be, that is the question",
            "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg",
        ],
        PasswordPolicyError::Common,
    );
}

#[test]
fn every_listed_phrase_is_refused_with_and_without_blanks() {
    let phrases = include_str!("lists/phrases.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for phrase in phrases {
        for written in [phrase.to_owned(), phrase.replace(' ', "-"), phrase.replace(' ', ""), format!("{phrase} 123")] {
            let result = check(&written);
            let expected = [Err(PasswordPolicyError::Common), Err(PasswordPolicyError::TooShort)];
            assert!(expected.contains(&result), "{written}: {result:?}");
            count += usize::from(result == expected[0]);
        }
    }
    assert!(count > 500, "{count}");
}

/// Words that also occur in a listed phrase are no worse than others.
#[test]
fn passphrases_with_words_of_listed_phrases_are_accepted() {
    for password in [
        "staple correct violet harbour",
        "horse lantern gravel seventeen",
        "to be sure, or not to be paid",
        "may the herons be with your boat",
    ] {
        assert_eq!(check(password), Ok(()), "{password}");
    }
}

#[test]
fn words_of_the_user_and_the_site_are_refused() {
    assert_refused(
        &[
            "rajat.verma@firma.example",
            "Rajat Verma 1987",
            "RajatRajatRajat1",
            "VermaVerma12345",
            "elodie.muller.1",
            "Northwind2024!!",
            "keys.northwind.org",
            "northwindkeys123",
            "Firma.Example.2026",
        ],
        PasswordPolicyError::OwnName,
    );
    for password in ["rajat likes green tea", "northwind needs better coffee", "verma grows sunflowers"] {
        assert_eq!(check(password), Ok(()), "{password}");
    }
}

#[test]
fn random_passphrases_and_passwords_are_accepted() {
    let words: Vec<&str> = include_str!("lists/diceware.txt").lines().skip(1).collect();
    let alphabets = ["abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "ABCDabcd1234!#%&/=?+-_.:,;<>*'~@"];
    for _ in 0..250 {
        let mut phrase: Vec<&str> = (0..4).map(|_| words[random_below(words.len())]).collect();
        phrase.sort_unstable();
        phrase.dedup();
        let phrase = phrase.join(" ");
        if phrase.len() >= MIN_LENGTH {
            assert_eq!(check(&phrase), Ok(()), "{phrase}");
        }
        for alphabet in alphabets {
            let random = (0..20).map(|_| char::from(alphabet.as_bytes()[random_below(alphabet.len())]));
            let random: String = random.collect();
            assert_eq!(check(&random), Ok(()), "{random}");
        }
    }
}

#[test]
fn passphrases_of_people_are_accepted() {
    for password in [
        "green tea, twice a day",
        "to be or not to be that is",
        "wer anderen eine Grube gräbt",
        "九州の夏はとても暑いですね本当に",
        "Θέλω έναν καφέ σκέτο",
    ] {
        assert_eq!(check(password), Ok(()), "{password}");
    }
}
