//! Where each setting comes from, and which one wins.

use rstest::rstest;

use super::*;

fn found(parameters: &[(&str, &str)], credentials: &[(&str, &str)]) -> Found {
    let password = |(key, value): &(&str, &str)| ((*key).to_owned(), Password((*value).to_owned()));
    Found {
        parameters: parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        credentials: credentials.iter().map(password).collect(),
    }
}

fn settings(overrides: &Overrides, found: &Found) -> Settings {
    resolve(overrides, found).unwrap().unwrap()
}

fn server(settings: &Settings) -> String {
    settings.target.to_string()
}

#[test]
fn without_any_setting_it_is_what_the_stock_manifests_start() {
    let settings = settings(&Overrides::default(), &Found::default());
    let expected = Settings {
        target: Target::Server(Address { host: "argocd-redis".into(), port: 6379 }),
        login: Login::default(),
        tls: None,
        database: 0,
        compression: Compression::Gzip,
        expiration: Duration::from_secs(3600),
    };
    assert_eq!(settings, expected);
}

#[test]
fn argo_cds_settings_are_taken() {
    let found = found(
        &[
            ("redis.server", "argocd-redis-ha-haproxy:6379"),
            ("redis.compression", "none"),
            ("redis.db", "3"),
            ("controller.app.state.cache.expiration", "1h30m"),
        ],
        &[("auth", "secret"), ("auth_username", "argocd")],
    );
    let settings = settings(&Overrides::default(), &found);
    assert_eq!(server(&settings), "argocd-redis-ha-haproxy:6379");
    assert_eq!((settings.compression, settings.database), (Compression::None, 3));
    assert_eq!(settings.expiration, Duration::from_secs(5400));
    let login = Login { username: Some("argocd".into()), password: Some(Password("secret".into())) };
    assert_eq!(settings.login, login);
    assert!(!format!("{settings:?} {found:?}").contains("secret"));
}

#[test]
fn what_the_bridge_is_told_goes_first() {
    let found = found(
        &[("redis.server", "a:1"), ("redis.compression", "none"), ("redis.db", "3")],
        &[("auth", "theirs"), ("auth_username", "them")],
    );
    let overrides = Overrides {
        server: Some("b:2".into()),
        database: Some(4),
        compression: Some(Compression::Gzip),
        tls: Some(Tls { is_unverified: true, ..Tls::default() }),
        credentials: [("auth".to_owned(), Password("ours".into()))].into(),
        ..Overrides::default()
    };
    let settings = settings(&overrides, &found);
    assert_eq!((server(&settings).as_str(), settings.database), ("b:2", 4));
    assert_eq!((settings.compression, settings.tls), (Compression::Gzip, overrides.tls));
    let login = Login { username: Some("them".into()), password: Some(Password("ours".into())) };
    assert_eq!(settings.login, login);
}

#[test]
fn sentinels_take_the_place_of_the_server() {
    let found = found(
        &[("redis.server", "a:1")],
        &[("auth", "x"), ("sentinel_auth", "y"), ("sentinel_username", "z")],
    );
    let sentinels = vec!["s1:26379".to_owned(), "[::1]:26380".to_owned()];
    let overrides = Overrides { sentinels, ..Overrides::default() };
    let settings = settings(&overrides, &found);
    assert_eq!(server(&settings), "master of the sentinels s1:26379, [::1]:26380");
    let Target::Sentinel { login, .. } = settings.target else { unreachable!() };
    assert_eq!(login, Login { username: Some("z".into()), password: Some(Password("y".into())) });
}

#[rstest]
#[case::empty("")]
#[case::word("none")]
fn it_can_be_switched_off(#[case] server: &str) {
    let overrides = Overrides { server: Some(server.into()), ..Overrides::default() };
    assert_eq!(resolve(&overrides, &Found::default()), Ok(None));
}

#[rstest]
#[case("argocd-redis")]
#[case(":6379")]
#[case("redis://argocd-redis:6379")]
#[case("argocd-redis:six")]
#[case("::1:6379")]
fn a_server_without_host_or_port_is_named(#[case] text: &str) {
    let error = resolve(&Overrides::default(), &found(&[("redis.server", text)], &[])).unwrap_err();
    let sentence = format!(
        "ConfigMap argocd-cmd-params-cm, redis.server: {text:?} is not HOST:PORT, as in argocd-redis:6379"
    );
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn an_unknown_compression_is_named_unless_the_bridge_is_told_another() {
    let found = found(&[("redis.compression", "zstd")], &[]);
    let error = resolve(&Overrides::default(), &found).unwrap_err().to_string();
    assert!(error.contains("redis.compression: \"zstd\" is neither gzip nor none"), "{error}");
    let overrides = Overrides { compression: Some(Compression::None), ..Overrides::default() };
    assert_eq!(settings(&overrides, &found).compression, Compression::None);
}

#[rstest]
#[case::unset("", 3600)]
#[case::no_duration("soon", 3600)]
#[case::zero("0", 3600)]
#[case::too_long("11h", 3600)]
#[case::negative("-5m", 3600)]
#[case::short("20s", 20)]
fn an_expiration_out_of_bounds_is_as_good_as_unset(#[case] text: &str, #[case] seconds: u64) {
    let found = found(&[("controller.app.state.cache.expiration", text), ("redis.db", text)], &[]);
    let settings = settings(&Overrides::default(), &found);
    assert_eq!((settings.expiration, settings.database), (Duration::from_secs(seconds), 0));
}
