use super::*;

/// Hashes that other programs made.
const VECTORS: &str = include_str!("../../../tests/data/password-hashes.tsv");

const PEPPER: &str = "pepper-of-the-tests";
/// The key of the example of Firebase's own implementation.
const SIGNER_KEY: &str = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";

fn secrets_for(program: &str) -> HashSecrets {
    HashSecrets {
        bcrypt_pepper: program.starts_with("Devise").then(|| PEPPER.into()),
        firebase_signer_key: Some(SIGNER_KEY.parse().unwrap()),
    }
}

fn is_match(hash: &StoredHash, password: &str, secrets: &HashSecrets) -> bool {
    let mut memory = Vec::new();
    let mut context = HashContext { secrets, memory: &mut memory, own_cost: HashCost::minimal() };
    hash.matches(&Password::new(password), &mut context).unwrap()
}

fn vectors() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    VECTORS.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [program, password, hash] = parts[..] else { panic!("{line}") };
        (program, serde_json::from_str(password).unwrap(), hash)
    })
}

#[test]
fn hashes_of_other_programs_match_their_passwords_only() {
    let mut programs = std::collections::BTreeSet::new();
    for (program, password, text) in vectors() {
        let secrets = secrets_for(program);
        let hash = StoredHash::parse(text, &secrets).unwrap_or_else(|problem| panic!("{program}: {text}: {problem}"));
        assert!(is_match(&hash, &password, &secrets), "{program}: {password}: {text}");
        assert!(!is_match(&hash, &format!("y{password}"), &secrets), "{program}: {password}: {text}");
        assert_ne!(hash.scheme(), Scheme::own(HashCost::default()), "{program}");
        programs.insert(program);
    }
    assert!(programs.len() > 25, "{programs:?}");
}

#[test]
fn long_password_matches_bcrypt_by_its_first_72_bytes() {
    let (program, password, text) =
        vectors().find(|(program, password, _)| program.starts_with("npm bcrypt ") && password.len() > 72).unwrap();
    let secrets = secrets_for(program);
    let hash = StoredHash::parse(text, &secrets).unwrap();
    assert!(is_match(&hash, &password[..72], &secrets));
    for (typed, is_whole) in [(&password[..72], false), (&password[..71], true), ("with\0a NUL", false)] {
        assert_eq!(hash.covers(&Password::new(typed), &secrets), is_whole, "{typed}");
    }
    assert!(!is_match(&hash, &password[..71], &secrets));
}

#[test]
fn pepper_and_signer_key_must_be_right() {
    let other = HashSecrets {
        bcrypt_pepper: Some("another pepper".into()),
        firebase_signer_key: Some(SIGNER_KEY.replace("jxsp", "AAAA").parse().unwrap()),
    };
    for (_, password, text) in
        vectors().filter(|(program, ..)| program.starts_with("Devise") || program.starts_with("Firebase"))
    {
        assert!(!is_match(&StoredHash::parse(text, &other).unwrap(), &password, &other), "{text}");
    }
    let firebase = vectors().find(|(program, ..)| program.starts_with("Firebase")).unwrap().2;
    assert_eq!(StoredHash::parse(firebase, &HashSecrets::default()), Err(UnusableHash::NoFirebaseSignerKey));
    assert_eq!("c2hvcnQ=".parse::<FirebaseSignerKey>().err(), Some(InvalidSignerKey));
    assert!(!format!("{:?}", secrets_for("Devise")).contains("pepper-of"));
}

#[test]
fn unusable_hashes_are_refused_with_the_reason() {
    let bcrypt = "zF8YCVr09ZUBtHKXDNXMmOei6tqYrYmGauTm8DX7n8nRVdrOgXIKm";
    let key = "00".repeat(64);
    for (text, reason) in [
        ("", "format is not known"),
        ("correct horse battery staple", "format is not known"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "format is not known"),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "format is not known"),
        ("$6$rounds=1$salt$abc", "format is not known"),
        (&format!("$wp$2y$10${bcrypt}"), "WordPress"),
        (&format!("$2x$10${bcrypt}"), "fault"),
        (&format!("$2b$31${bcrypt}"), "cost from 4 to 16"),
        (&format!("$2b$03${bcrypt}"), "cost from 4 to 16"),
        (&format!("$2b$+4${bcrypt}"), "not a number"),
        (&format!("$2b$10${bcrypt}x"), "53 characters"),
        ("$2b$10$short", "53 characters"),
        (&format!("$2$10${bcrypt}"), "53 characters"),
        ("$argon2id$v=19$m=8,t=1,p=1,data=c2FsdA$c2FsdHNhbHQ$a2V5cmFja2tleXJhY2s", "associated data"),
        ("$bcrypt-sha256$v=2,t=2b,r=40$abcdefghijklmnopqrstuu$abc", "cost from 4 to 16"),
        ("$argon2id$v=19$m=4000000,t=1,p=1$c2FsdHNhbHQ$a2V5cmFja2tleXJhY2s", "256 MiB"),
        ("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ", "PHC"),
        ("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$a2V5cmFja2tleQ", "too short"),
        ("pbkdf2_sha256$99999999$salt$EA4St7lW4sOqm+MDYQoRVmiAT8bU+7dND2F9HGEtqBo=", "5,000,000"),
        ("pbkdf2_sha256$0$salt$EA4St7lW4sOqm+MDYQoRVmiAT8bU+7dND2F9HGEtqBo=", "5,000,000"),
        ("pbkdf2_sha256$1000$salt$EA4S", "another length"),
        ("scrypt$1000$salt$8$1$EA4St7lW4sOqm+MDYQoRVmiAT8bU+7dND2F9HGEtqBo=", "power of two"),
        ("scrypt$4194304$salt$8$1$EA4St7lW4sOqm+MDYQoRVmiAT8bU+7dND2F9HGEtqBo=", "256 MiB"),
        ("scrypt$2$salt$1$4294967295$EA4St7lW4sOqm+MDYQoRVmiAT8bU+7dND2F9HGEtqBo=", "256 MiB"),
        ("$scrypt$ln=60,r=8,p=1$c2FsdA$EA4St7lW4sOqm", "256 MiB"),
        ("$scrypt$ln=0,r=8,p=1$c2FsdA$EA4St7lW4sOqm", "zero"),
        ("$scrypt$r=8,ln=14,p=1$c2FsdA$EA4St7lW4sOqm", "other parameters"),
        (&format!("0011:{key}"), "format is not known"),
        (&format!("0011223344556677:{}", "00".repeat(80)), "too long"),
        ("$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95$Bw==", "64 bytes"),
    ] {
        let problem = StoredHash::parse(text, &secrets_for("")).expect_err(text);
        assert!(problem.to_string().contains(reason), "{text}: {problem}");
    }
}

#[test]
fn decoy_of_each_scheme_matches_no_password() {
    let schemes: std::collections::BTreeSet<Scheme> =
        vectors().map(|(program, _, text)| StoredHash::parse(text, &secrets_for(program)).unwrap().scheme()).collect();
    for scheme in schemes {
        let decoy = scheme.decoy();
        assert_eq!(decoy.scheme(), scheme);
        for password in ["", "correct horse battery staple", "cafe\u{301} au lait"] {
            assert!(!is_match(&decoy, password, &secrets_for("Devise")), "{scheme:?}");
        }
    }
}
