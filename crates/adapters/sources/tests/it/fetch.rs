//! The guarded client.

use std::io::Write;
use std::time::Duration;

use shieldwall_sources::fetch::{Access, FetchError, Fetcher, Limits, Request};
use shieldwall_sources::{Allow, Policy};

use crate::limits;
use crate::server::{Reply, Server, Then};

fn fetcher(policy: Policy, limits: Limits) -> Fetcher {
    Fetcher::new(policy, limits, "shieldwall-test", Access::default())
}

async fn get(url: &str) -> Result<Vec<u8>, FetchError> {
    get_with(&mut fetcher(Policy::with_loopback(), limits()), url).await
}

async fn get_with(fetcher: &mut Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    fetcher.fetch(&Request::get(url.parse().unwrap(), "*/*")).await.map(|answer| answer.body)
}

fn secret_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn token(file: &tempfile::NamedTempFile) -> Access {
    Access { bearer: Some(file.path().to_path_buf()), ..Access::default() }
}

#[tokio::test]
async fn a_body_is_fetched_with_our_name_and_nothing_else_about_us() {
    let server = Server::start(|_| Reply::new(200, &[], "hello")).await;
    assert_eq!(get(&server.url("/a?b=c")).await.unwrap(), b"hello");
    let asked = &server.asked()[0];
    assert_eq!((asked.target.as_str(), asked.header("user-agent")), ("/a?b=c", Some("shieldwall-test")));
    assert_eq!(
        (asked.header("authorization"), asked.header("referer"), asked.header("cookie")),
        (None, None, None)
    );
}

#[tokio::test]
async fn private_destinations_are_refused_however_they_are_spelled() {
    let mut strict = fetcher(Policy::default(), limits());
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "https://[fd00:ec2::254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "http://localhost/",
        "http://LOCALHOST/",
        "http://user@127.0.0.1/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
    ] {
        let error = get_with(&mut strict, url).await.unwrap_err();
        assert!(matches!(error, FetchError::Refused { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn only_what_was_allowed_is_let_through() {
    let server = Server::start(|_| Reply::new(200, &[], "in")).await;
    let by_name = Policy { allow: vec!["localhost".parse::<Allow>().unwrap()] };
    let url = format!("http://localhost:{}/", server.port);
    assert_eq!(get_with(&mut fetcher(by_name.clone(), limits()), &url).await.unwrap(), b"in");
    let error = get_with(&mut fetcher(by_name, limits()), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_judged_like_a_first_request() {
    for to in [
        "http://169.254.169.254/latest/",
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "gopher://127.0.0.1/",
    ] {
        let server = Server::start(move |_| Reply::redirect(302, to)).await;
        let error = get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Refused { .. }), "{to}: {error:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_followed_a_few_times() {
    let server = Server::start(|asked| match asked.path() {
        "/1" => Reply::redirect(301, "/2"),
        "/2" => Reply::redirect(307, "sub/3?x=1"),
        "/sub/3" => Reply::new(200, &[], "there"),
        "/nowhere" => Reply::new(302, &[], ""),
        _ => Reply::redirect(302, "/round"),
    })
    .await;
    assert_eq!(get(&server.url("/1")).await.unwrap(), b"there");
    for path in ["/round", "/nowhere"] {
        let error = get(&server.url(path)).await.unwrap_err();
        assert!(matches!(error, FetchError::Protocol { .. }), "{path}: {error:?}");
    }
    assert_eq!(server.asked().iter().filter(|asked| asked.path() == "/round").count(), 6);
}

#[tokio::test]
async fn a_posted_body_is_not_repeated_elsewhere() {
    let server = Server::start(|_| Reply::redirect(307, "/other")).await;
    let request = Request {
        body: Some(("text/plain", b"secret".to_vec())),
        ..Request::get(server.url("/").parse().unwrap(), "*/*")
    };
    let error = fetcher(Policy::with_loopback(), limits()).fetch(&request).await.unwrap_err();
    assert_eq!((error.code(), server.asked().len()), (Some(307), 1));
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let elsewhere = Server::start(|asked| match asked.path() {
        "/stays" => Reply::new(200, &[], "theirs"),
        other => Reply::redirect(302, other.trim_start_matches("/back/")),
    })
    .await;
    let away = elsewhere.url("/stays");
    let server = Server::start(move |asked| match asked.path() {
        "/away" => Reply::redirect(302, &away),
        "/near" => Reply::redirect(302, "/here"),
        _ => Reply::new(200, &[], "ours"),
    })
    .await;
    let file = secret_file("s3cret\n");
    let mut fetcher = Fetcher::new(Policy::with_loopback(), limits(), "t", token(&file));
    assert_eq!(get_with(&mut fetcher, &server.url("/away")).await.unwrap(), b"theirs");
    assert_eq!(get_with(&mut fetcher, &server.url("/near")).await.unwrap(), b"ours");
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer s3cret")));
}

#[tokio::test]
async fn secrets_are_read_anew_and_basic_is_encoded() {
    let server = Server::start(|_| Reply::new(200, &[], "")).await;
    let file = secret_file("one");
    let access = Access { basic: Some(("ann".to_owned(), file.path().to_path_buf())), ..Access::default() };
    let mut fetcher = Fetcher::new(Policy::with_loopback(), limits(), "t", access);
    get_with(&mut fetcher, &server.url("/")).await.unwrap();
    std::fs::write(file.path(), "two").unwrap();
    get_with(&mut fetcher, &server.url("/")).await.unwrap();
    let sent: Vec<_> =
        server.asked().iter().map(|asked| asked.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Basic YW5uOm9uZQ==", "Basic YW5uOnR3bw=="]);
}

#[tokio::test]
async fn unusable_secrets_are_named_by_file_and_never_shown() {
    for text in ["", "\n", "tok\u{7f}en\u{1}"] {
        let server = Server::start(|_| Reply::new(200, &[], "")).await;
        let file = secret_file(text);
        let error = get_with(
            &mut Fetcher::new(Policy::with_loopback(), limits(), "t", token(&file)),
            &server.url("/"),
        )
        .await
        .unwrap_err();
        assert!(matches!(error, FetchError::Secret { .. }), "{error:?}");
        assert!(!error.to_string().contains("tok\u{7f}"), "{error}");
        assert!(server.asked().is_empty());
    }
}

#[tokio::test]
async fn credentials_are_not_sent_in_the_clear_to_strangers() {
    let file = secret_file("s3cret");
    // A public address, so that only the missing encryption can be the reason. Nothing is connected.
    let mut fetcher = Fetcher::new(Policy::default(), limits(), "t", token(&file));
    let error = get_with(&mut fetcher, "http://192.88.98.1/").await.unwrap_err();
    assert!(matches!(&error, FetchError::Refused { reason } if reason.contains("plain http")), "{error:?}");
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not() {
    let announced =
        Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n", Then::Hang))
            .await;
    let endless =
        Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\n\r\n", Then::Forever(vec![b'x'; 4096]))).await;
    for server in [announced, endless] {
        let error = get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_measured_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let server = Server::start(move |_| Reply::new(200, &[("Content-Encoding", "gzip")], &bomb)).await;
    let error = get(&server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn slowness_ends() {
    let short = Limits { idle: Duration::from_millis(200), connect: Duration::from_millis(200), ..limits() };
    let silent = Server::start(|_| Reply::raw("", Then::Hang)).await;
    let half_a_head = Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\nA:", Then::Hang)).await;
    let half_a_body =
        Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc", Then::Hang)).await;
    for server in [silent, half_a_head, half_a_body] {
        let error =
            get_with(&mut fetcher(Policy::with_loopback(), short), &server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Timeout { .. }), "{error:?}");
    }
    // A drip that is never silent for long runs into the total.
    let drip = Limits { total: Duration::from_millis(300), body: usize::MAX, ..limits() };
    let endless = Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\n\r\n", Then::Forever(b"x".to_vec()))).await;
    let error = get_with(&mut fetcher(Policy::with_loopback(), drip), &endless.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_and_nonsense_are_told_apart() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let error = get(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
    let nonsense = Server::start(|_| Reply::raw("SSH-2.0-OpenSSH\r\n\r\n", Then::Close)).await;
    let cut =
        Server::start(|_| Reply::raw("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc", Then::Close)).await;
    for server in [nonsense, cut] {
        let error = get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_error_is_quoted_briefly_and_without_the_query() {
    let body = format!("{{\"title\":\"No `such`\\u0007 thing\",\"description\":\"{}\"}}", "y".repeat(5_000));
    let server = Server::start(move |_| Reply::new(403, &[], &body)).await;
    let error = get(&server.url("/a?key=s3cret")).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), Some(403));
    assert!(text.len() < 500 && !text.contains("s3cret") && !text.contains('\u{7}'), "{text}");
    let server = Server::start(|_| Reply::new(400, &[], r#"{"title":"Bad","detail":"limit is 0"}"#)).await;
    let text = get(&server.url("/")).await.unwrap_err().to_string();
    assert!(text.ends_with("/ answered 400: `Bad; limit is 0`"), "{text}");
}

#[tokio::test]
async fn retry_after_is_understood_in_both_forms() {
    for (headers, expect) in [
        (&[("Retry-After", "120")][..], Some(120)),
        (
            &[("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("Retry-After", "Wed, 21 Oct 2026 07:29:30 GMT")],
            Some(90),
        ),
        (
            &[("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("Retry-After", "Wed, 21 Oct 2020 07:28:00 GMT")],
            Some(0),
        ),
        (&[("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")], None),
        (&[("Retry-After", "99999999999")], Some(86_400)),
        (&[("Retry-After", "soon")], None),
        (&[], None),
    ] {
        let server = Server::start(move |_| Reply::new(429, headers, "")).await;
        match get(&server.url("/")).await.unwrap_err() {
            FetchError::Status { code: 429, retry_after, .. } => {
                assert_eq!(retry_after.map(|pause| pause.as_secs()), expect, "{headers:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
