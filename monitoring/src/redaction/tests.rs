use proptest::prelude::*;

use super::*;

/// Secrets, each with the part that must not be left of it.
const SECRETS: [(&str, &str); 32] = [
    ("sk-proj-abcDEF123456", "abcDEF"),
    ("sk-ant-REDACTED_x", "REDACTED"),
    ("sk-abcd****wxyz", "wxyz"),
    ("gsk_0123456789abcdef", "0123456789"),
    ("xai-A1b2C3d4E5f6", "A1b2"),
    ("hf_AbCdEfGhIjKlMn", "AbCd"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
    ("github_pat_11ABCDEFG0abcdef_ghijkl", "11ABC"),
    ("glpat-xY12345678901234", "xY123"),
    ("xoxb-123456789012-abcdef", "123456"),
    ("pk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39"),
    ("AIzaSyA-1234567890abcdef", "SyA"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3", "hbGci"),
    ("0123456789abcdef0123456789abcdef01234567", "01234567"),
    ("Bearer short", "short"),
    ("bearer  Bearer two", "two"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNl"),
    ("authorization: Bearer x", " x"),
    ("\"authorization\": \"Bearer y.z\"", "y.z"),
    ("x-api-key: letmein", "letmein"),
    ("OPENAI_API_KEY=letmein", "letmein"),
    ("{\"api_key\":\"letmein\"}", "letmein"),
    ("{\\\"api_key\\\":\\\"letmein\\\"}", "letmein"),
    ("password: Some(\"let me in\")", "let me"),
    ("?access_token=letmein&page=2", "letmein"),
    ("Config { password: \"let me \\n in\", port: 1 }", "let me"),
    ("postgres://user:p@ss:w0rd@db.example/evohub", "ss:w0rd"),
    ("redis://:hunter2@127.0.0.1/0", "hunter2"),
    ("ada.lovelace+x@mail.example.org", "lovelace"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "MIIB"),
    ("-----BEGIN PRIVATE KEY-----\nMIIB cut", "MIIB"),
];

#[test]
fn removes_secrets_wherever_they_stand() {
    for (secret, part) in SECRETS {
        for text in [secret.to_owned(), format!("wrong: {secret}."), format!("a({secret})\n\"{secret}\" b")] {
            let redacted = redact(&text);
            assert!(!redacted.contains(part) && redacted.contains(REDACTED), "{text} -> {redacted}");
        }
    }
}

#[test]
fn keeps_what_is_around_them() {
    for (text, redacted) in [
        ("key sk-proj-abcDEF123456, again", "key [redacted], again"),
        (
            "postgres://user:pw@db.example:5432/evohub?x=1",
            "postgres://user:[redacted]@db.example:5432/evohub?x=1",
        ),
        ("{\"api_key\":\"letmein\",\"model\":\"m\"}", "{\"api_key\":\"[redacted]\",\"model\":\"m\"}"),
        ("Config { password: \"a b\", port: 1 }", "Config { password: \"[redacted]\", port: 1 }"),
        ("get /v1?api_key=letmein&page=2", "get /v1?api_key=[redacted]&page=2"),
        ("mail to ada@example.org now", "mail to [redacted] now"),
        ("Authorization: Basic dXNlcg==\r\nHost: x", "Authorization: [redacted]\r\nHost: x"),
    ] {
        assert_eq!(redact(text), redacted);
    }
}

#[test]
fn leaves_ordinary_text_alone() {
    for text in [
        "the model `gpt-5-mini-2025-08-07` does not exist; see https://example.org/docs/errors",
        "job movie-sentiment-3f2a: 240 evaluations, 12,345 tokens, $0.02, 0.612 -> 0.701",
        "candidate 00112233445566778899aabbccddeeff was kept",
        "session 123e4567-e89b-12d3-a456-426614174000 of the key-value store",
        "set the key_env of the provider, or api_base_url = http://127.0.0.1:8000/v1?a=b",
        "sk-learn, ghost, hf_hub_download, api_version_2024_10_21_preview, the bearer",
        "postgres://user@db.example/evohub and http://[::1]:80/a:b@c",
        "the secret of a good password is its length; tokens: 12 of 30",
        "/home/user/a-very-long-folder-name-of-2026/with_many_words_2026_and_more_words_in_it.toml",
        "evohub@0.1.0, @someone, a@b, 5 @ 3.50 each",
        "thread 'tests::a_long_test_name_that_has_more_than_forty_characters' panicked",
        "¿qué? 你好 🙂 \u{202e}abc\u{0} -----BEGIN CERTIFICATE-----",
    ] {
        assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text} -> {}", redact(text));
    }
}

#[test]
fn names_of_secrets() {
    for name in
        ["authorization", "Proxy-Authorization", "x-api-key", "client.api_key", "db_password", "apikey"]
    {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ["tokens", "token", "key", "api_key_env", "password_length", "keys", "model", ""] {
        assert!(!is_secret_name(name), "{name}");
    }
}

/// Text that is made of what the patterns look for, so that they meet in every way.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(SECRETS.map(|(secret, _)| secret).to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "bearer ",
            "authorization: ",
            "password=",
            "\"",
            "\\\"",
            "'",
            "://",
            "a@b.co",
            "@",
            ":",
            REDACTED,
            "[",
            "]",
            "sk-",
            "-",
            "_",
            ".",
            " ",
            "\n",
            "api_key",
            "=",
            "0123456789",
            "éß",
            "basic ",
            "-----BEGIN PRIVATE KEY-----",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
        "[a-zA-Z0-9_-]{0,45}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn what_the_program_says_all_day_is_proven_harmless_without_the_patterns() {
    for text in [
        "",
        "42",
        "0.6125",
        "films-1a2b3c4d",
        "0af7651916cd43dd8448eb211c80319c",
        "123e4567-e89b-12d3-a456-426614174000",
        "gpt-5-mini-2025-08-07",
        "generation 12 of 30 is complete, 240 candidates in 3.2 s (best 0.701)",
        "/var/lib/evohub/journal.db",
    ] {
        assert!(is_harmless(text), "{text}");
    }
    assert!(is_harmless_name("job_id") && is_harmless_name("model") && is_harmless_name("attempt"));
}

proptest! {
    #[test]
    fn what_is_called_harmless_matches_no_pattern(text in prop_oneof![hostile(), "[a-z0-9_. -]{0,60}", ".{0,60}"]) {
        for (start, _) in text.char_indices() {
            let part = &text[start..];
            prop_assert!(!is_harmless(part) || redact_once(part).is_none(), "{part}");
        }
    }

    #[test]
    fn a_harmless_name_is_no_secret_one(
        name in "[a-zA-Z._-]{0,12}(authorization|api_?key|password|passwd|passphrase|secret|cookie|private-key|auth_token)?[a-zſK]{0,2}",
    ) {
        for name in [name.to_uppercase(), name] {
            prop_assert!(!is_harmless_name(&name) || !SECRET_NAME.is_match(&name), "{name}");
        }
    }

    #[test]
    fn redacting_twice_is_as_redacting_once(text in hostile()) {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once).into_owned(), once);
    }

    #[test]
    fn a_key_is_found_between_any_words(
        before in "(?s)(.{0,40}[ \n(,\"'=:])?", key in "(sk-|gsk_|ghp_)[a-zA-Z0-9]{12,60}[0-9]", after in "([ \n),\"'].{0,40})?",
    ) {
        let text = format!("{before}{key}{after}");
        prop_assert!(!redact(&text).contains(&key), "{}", redact(&text));
    }

    #[test]
    fn words_and_numbers_are_left_alone(
        words in prop::collection::vec("[a-zA-Zäöü]{1,12}|[0-9]{1,10}|[0-9]\\.[0-9]{1,6}|[0-9a-f]{32}", 0..20),
    ) {
        let text = words.join(" ");
        prop_assume!(!text.to_lowercase().contains("bearer"));
        prop_assert_eq!(redact(&text), text.as_str());
    }
}
