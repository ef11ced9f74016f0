use super::*;

fn load(
    flags: &[(&'static str, &str)],
    environment: &[(&str, &str)],
    file: Option<&str>,
) -> Result<Config, ConfigError> {
    let flags: Vec<_> = flags
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()))
        .collect();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let Some(text) = file else {
        return Config::load(&flags, environment, None);
    };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tongke.toml");
    std::fs::write(&path, text).expect("a file");
    Config::load(&flags, environment, Some(&path))
}

#[test]
fn a_flag_goes_before_the_environment_before_the_file_before_the_default() {
    let file = Some("listen = \"127.0.0.1:1\"\nmedia_port = 1\nopen_before_minutes = 1\n");
    let environment = [
        ("TONGKE_LISTEN", "127.0.0.1:2"),
        ("TONGKE_MEDIA_PORT", "2"),
        ("PATH", "/bin"),
    ];
    let config = load(&[("listen", "127.0.0.1:3")], &environment, file).expect("settings");
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.media_port, 2);
    assert_eq!(config.open_before_minutes, 1);
    assert_eq!(config.end_after_minutes, Config::default().end_after_minutes);
}

#[test]
fn a_wrong_value_is_named_with_its_key_and_what_is_allowed() {
    let shown = load(&[("media_port", "70000")], &[], None)
        .expect_err("wrong")
        .to_string();
    for part in ["--media-port", "media_port", "70000", "0 to 65535"] {
        assert!(shown.contains(part), "{shown}");
    }
    let shown = load(&[], &[("TONGKE_TLS", "on")], None)
        .expect_err("wrong")
        .to_string();
    for part in ["TONGKE_TLS", "\"on\"", "off, files or local"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn an_unknown_key_is_named_with_those_that_are_known() {
    for error in [
        load(&[], &[], Some("lisen = 8080")).expect_err("unknown"),
        load(&[], &[("TONGKE_LISEN", "8080")], None).expect_err("unknown"),
    ] {
        let shown = error.to_string();
        for part in ["lisen", "8080", "no such setting", "listen"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}

#[test]
fn lists_addresses_and_switches_are_read_in_every_form() {
    let file = Some("announce = [\"10.0.0.1\", \"fd00::1\"]\ndemo = true\nlisten = 9000\n");
    let config = load(&[], &[], file).expect("settings");
    assert_eq!(config.announce.len(), 2);
    assert!(config.demo);
    assert_eq!(config.listen, SocketAddr::from(([0, 0, 0, 0], 9_000)));
    assert!(load(&[("announce", "nowhere")], &[], None).is_err());
}

#[test]
fn files_of_a_certificate_are_asked_for_when_they_are_to_be_used() {
    let shown = load(&[("tls", "files")], &[], None)
        .expect_err("missing")
        .to_string();
    assert!(shown.contains("tls_cert"), "{shown}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(&[], [], Some(Path::new("/nowhere/tongke.toml"))).expect_err("missing");
    assert!(error.to_string().contains("/nowhere/tongke.toml"));
    assert!(load(&[], &[], Some("listen = ")).is_err());
}

/// The rows of docs/CONFIGURATION.md: keys, and what their default is said to be.
fn documented() -> Vec<(Vec<String>, String)> {
    let page = include_str!("../../../docs/CONFIGURATION.md");
    let backticked = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(ToOwned::to_owned)
            .collect()
    };
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            (backticked(cells[0]), cells[1].trim().to_owned())
        })
        .collect()
}

#[test]
fn every_setting_is_described_and_nothing_else() {
    let described: Vec<String> = documented().into_iter().flat_map(|(keys, _)| keys).collect();
    for (key, ..) in SETTINGS {
        let times = described.iter().filter(|name| name == key).count();
        assert_eq!(times, 1, "docs/CONFIGURATION.md on {key}");
    }
    for key in &described {
        let known = SETTINGS.iter().any(|(name, ..)| name == key);
        assert!(
            known,
            "docs/CONFIGURATION.md describes {key}, which is no setting"
        );
    }
}

#[test]
fn the_described_defaults_are_the_defaults() {
    let mut checked = 0;
    for (keys, default) in documented() {
        // Defaults in words cannot be compared: only those that are a value for each key.
        let values: Vec<&str> = default.split(", ").collect();
        let value = |text: &str| Some(text.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        if values.len() != keys.len() || values.iter().any(|text| value(text).is_none()) {
            continue;
        }
        for (key, text) in keys.iter().zip(values.into_iter().filter_map(value)) {
            let mut config = Config::default();
            config.set(&"docs", key, &text).expect("an allowed value");
            assert_eq!(config, Config::default(), "docs/CONFIGURATION.md on {key}");
            checked += 1;
        }
    }
    assert!(checked > 10, "the table is still read: {checked}");
}
