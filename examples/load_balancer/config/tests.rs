use super::*;

const FULL: &str = include_str!("../balancer.toml");

fn mistake(text: &str) -> String {
    Config::parse("b.toml", text).unwrap_err().to_string()
}

/// A configuration that is right but for these lines, which begin at line 6.
fn with(lines: &str) -> String {
    mistake(&format!(
        "[[listen]]\naddress = '127.0.0.1:80'\n\n[pools.web]\nbackends = ['10.0.0.1:80']\n{lines}\n"
    ))
}

#[test]
fn the_example_is_right() {
    let config = Config::parse("balancer.toml", FULL).unwrap();
    assert_eq!(config.pools.len(), 3);
    let routes = config.routes();
    for (host, path, pool) in [
        ("example.com", "/", "web"),
        ("example.com", "/api/users", "api"),
        ("a.cache.example.com", "/", "cache"),
    ] {
        assert_eq!(
            routes.find(host, path).map(String::as_str),
            Some(pool),
            "{host}{path}"
        );
    }
    let api = config.pools["api"].as_ref();
    let check = api.check.as_ref().unwrap().settings();
    assert_eq!(
        (check.interval, check.timeout, check.rise, check.fall),
        (5_000, 1_000, 2, 3)
    );
    assert!(check.probe.expects(204) && !check.probe.expects(301));
    assert_eq!(api.retry().max_tries, 2);
    assert_eq!(api.timeouts().overall, Some(30_000));
}

#[test]
fn little_is_enough() {
    let text = "[[listen]]\naddress = '[::1]:80'\n[pools.a]\nbackends = ['app.internal:80']";
    let config = Config::parse("b.toml", text).unwrap();
    assert_eq!(
        config.routes().find("x", "/").map(String::as_str),
        Some("a")
    );
    assert!(config.rate().is_none());
}

#[test]
fn every_mistake_has_its_line_and_key() {
    let mut wrong = Vec::new();
    for (lines, expected) in [
        (
            "polcy = 'p2c'",
            "b.toml:6: pools.web.polcy: unknown field `polcy`",
        ),
        (
            "policy = 'random'",
            "b.toml:6: pools.web.policy: unknown variant `random`",
        ),
        (
            "slow_start = '5'",
            "b.toml:6: pools.web.slow_start: expected a time such as",
        ),
        (
            "slow_start = 5",
            "b.toml:6: pools.web.slow_start: invalid type: integer `5`, expected text",
        ),
        (
            "queue = { timeout = '0s' }",
            "b.toml:6: pools.web.queue.timeout: expected a time above zero",
        ),
        (
            "\n[pools.web.retry]\nmax_tries = 0",
            "b.toml:8: pools.web.retry.max_tries: expected a number from 1 to 10",
        ),
        (
            "hash = 'address'",
            "b.toml:6: pools.web.hash: expected policy maglev",
        ),
        (
            "policy = 'maglev'\nhash = 'query:a'",
            "b.toml:7: pools.web.hash: expected \"address\"",
        ),
        (
            "max_load = 125",
            "b.toml:6: pools.web.max_load: expected policy maglev",
        ),
        (
            "timeouts = { overall = '1s' }",
            "b.toml:6: pools.web.timeouts.overall: expected no less than connect",
        ),
        (
            "watch = 'a'\nwatch_url = 'http://a/'",
            "b.toml:7: pools.web.watch_url: expected this or watch",
        ),
        (
            "watch_url = 'ftp://a/'",
            "b.toml:6: pools.web.watch_url: expected http://",
        ),
        (
            "check = { expect = [99] }",
            "b.toml:6: pools.web.check.expect: expected a status code",
        ),
        (
            "check = { expect = ['299-200'] }",
            "b.toml:6: pools.web.check.expect: expected a status code",
        ),
        (
            "sticky = 'a b'",
            "b.toml:6: pools.web.sticky: expected letters",
        ),
        (
            "tls = { server_name = '' }",
            "b.toml:4: pools.web.tls.server_name: expected the name",
        ),
        (
            "tls = { ca = 'a.pem' }",
            "b.toml:6: pools.web.tls: missing field `server_name`",
        ),
        (
            "[[routes]]\npool = 'api'",
            "b.toml:7: routes[0].pool: there is no pool \"api\", expected one of: web",
        ),
        (
            "[[routes]]\npool = 'web'\nhost = 'a:80'",
            "b.toml:8: routes.host: expected a name without a port",
        ),
        (
            "[[routes]]\npool = 'web'\npath = 'a'",
            "b.toml:8: routes.path: expected a path",
        ),
        (
            "[[routes]]\npool = 'web'\n[[routes]]\npool = 'web'",
            "b.toml:8: routes[1]: another route",
        ),
        (
            "[pools.b]\nbackends = []",
            "b.toml:6: pools.b.backends: expected a backend",
        ),
        (
            "[pools.b]\nbackends = ['a:1']",
            "b.toml:8: routes: expected [[routes]], since there are several",
        ),
        (
            "[pools.b]\nbackends = ['a:1', 'a:1']\n[[routes]]\npool = 'b'",
            "b.toml:7: pools.b.backends[1]: this address",
        ),
        (
            "[pools.b]\nbackends = [\n 'a:1',\n { address = 'b:1', weight = 0 }]",
            "b.toml:9: pools.b.backends.weight: expected a number from 1 to 1000",
        ),
        (
            "[pools.b]\nbackends = [\n 'a:1',\n 'b']",
            "b.toml:9: pools.b.backends: expected ADDRESS:PORT or NAME:PORT",
        ),
        (
            "[pools.b]\nbackends = [{ address = '1.2.3.4:5', refresh = '5s' }]",
            "b.toml:7: pools.b.backends: refresh is for names",
        ),
        (
            "[pools.b]\npolicy = 'round-robin'\nbackends = [{ address = 'a:1', weight = 2 }]\n[[routes]]\npool = 'b'",
            "b.toml:8: pools.b.backends[0].weight: round-robin knows no weights",
        ),
        (
            "[limits]\nburst = 3",
            "b.toml:7: limits.burst: expected requests_per_second",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:80'",
            "b.toml:6: listen[1].address: 127.0.0.1:80 is listened on twice",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:81'\ncertificate = 'a'",
            "b.toml:6: listen[1].key: expected beside certificate",
        ),
        (
            "[[listen]]\naddress = 'localhost'",
            "b.toml:7: listen.address: an address must be",
        ),
        ("= 3", "b.toml:6: "),
        ("a = [", "b.toml:"),
    ] {
        let told = with(lines);
        if !told.starts_with(expected) {
            wrong.push(format!("{lines}\n  {told}\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_not_enough() {
    assert_eq!(
        mistake(""),
        "b.toml:1: listen: expected a [[listen]] with an address"
    );
    let told = mistake("[[listen]]\naddress = '127.0.0.1:80'\n");
    assert_eq!(
        told,
        "b.toml:3: pools: expected a [pools.NAME] with backends"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let told = Config::load("/nowhere/b.toml".as_ref())
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("/nowhere/b.toml: cannot be read: "),
        "{told}"
    );
}
