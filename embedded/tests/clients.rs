//! Both kinds of clients, against scripted servers and against our own, in memory and in virtual time.

mod support;

use kinglet_core::http::client::{Request, SendError};
use kinglet_core::http::{Error, Length, Method, SyntaxError};
use kinglet_core::websocket::{self, CloseCode, Deflate, Message, Opening, Rest, deflate};
use kinglet_core::{Context, Instant, Limits, Stamp, field};
use kinglet_embedded::{Buffers, Failure, Memory, Received, asynchronous, blocking};
use support::application::{App, LONG, STREAMED};
use support::{Act, End, World, line};

const LIMITS: Limits = Limits::MICROCONTROLLER;

/// Has our server serve one end of a line, polled while the client waits.
fn server(mut end: End, world: &World) {
    let platform = world.clone();
    world.beside(async move {
        let mut memory = Memory::<512, 768>::new();
        let mut context = Context::new(LIMITS, Stamp::EMPTY);
        let (mut app, buffers) = (App::default(), memory.lend());
        let served = asynchronous::serve(&mut end, &mut app, &mut context, buffers, &platform);
        let _ = served.await;
        end.finish();
    });
}

fn post(target: &str, length: Length) -> Request<'_> {
    Request {
        method: Method::Post,
        content: Some(length),
        ..Request::get(target, "device")
    }
}

/// What is asked, with content, and what is to come of it.
fn rows() -> Vec<(Request<'static>, Vec<u8>, Vec<u8>)> {
    let long = vec![b'u'; 10_000];
    let head = Request {
        method: Method::Head,
        ..Request::get("/static", "device")
    };
    let missing = Request::get("/missing", "device");
    vec![
        (Request::get("/", "device"), vec![], b"hello".to_vec()),
        (head, vec![], vec![]),
        (Request::get("/static", "device"), vec![], LONG.to_vec()),
        (
            Request::get("/interim", "device"),
            vec![],
            b"after".to_vec(),
        ),
        (
            Request::get("/stream", "device"),
            vec![],
            vec![b'z'; STREAMED],
        ),
        (missing, vec![], vec![]),
        (
            post("/echo", Length::Exact(3)),
            b"abc".to_vec(),
            b"abc".to_vec(),
        ),
        (post("/echo", Length::Exact(0)), vec![], vec![]),
        (
            post("/upload", Length::Exact(10_000)),
            long.clone(),
            b"10000 0".to_vec(),
        ),
        (post("/upload", Length::Unknown), long, b"10000 0".to_vec()),
    ]
}

#[test]
fn exchanges_follow_each_other_on_one_line() {
    for (capacity, bite) in [(usize::MAX, usize::MAX), (700, 700), (64, 64), (10, 1)] {
        let (near, far) = line(capacity, bite);
        let world = World::new();
        server(far, &world);
        let mut memory = Memory::<256, 256>::new();
        let mut client = blocking::Http::new(near, world.clone(), memory.lend(), LIMITS);
        for (request, content, expected) in rows() {
            let response = client.ask(&request, &content).unwrap();
            assert_eq!(
                response.status().code() == 404,
                request.target == "/missing"
            );
            let mut came = Vec::new();
            while let Some(data) = client.read().unwrap() {
                came.extend_from_slice(data);
            }
            assert!(came == expected, "{} through {capacity}", request.target);
            assert!(client.is_reusable());
        }

        let (near, far) = line(capacity, bite);
        let world = World::new();
        server(far, &world);
        let mut memory = Memory::<256, 256>::new();
        let mut client = asynchronous::Http::new(near, world.clone(), memory.lend(), LIMITS);
        world.run(async {
            for (request, content, expected) in rows() {
                let response = client.ask(&request, &content).await.unwrap();
                assert_eq!(
                    response.status().code() == 404,
                    request.target == "/missing"
                );
                let mut came = Vec::new();
                while let Some(data) = client.read().await.unwrap() {
                    came.extend_from_slice(data);
                }
                assert!(came == expected, "{} through {capacity}", request.target);
                assert!(client.is_reusable());
            }
        });
    }
}

#[test]
fn a_blocking_server_serves_an_asynchronous_client() {
    let (mut near, far) = line(64, 7);
    let mut world = World::new();
    let platform = world.clone();
    world.beside(async move {
        let mut memory = Memory::<256, 256>::new();
        let mut client = asynchronous::Http::new(far, &platform, memory.lend(), LIMITS);
        for (request, content, expected) in rows() {
            client.ask(&request, &content).await.unwrap();
            let mut came = Vec::new();
            while let Some(data) = client.read().await.unwrap() {
                came.extend_from_slice(data);
            }
            assert!(came == expected, "{}", request.target);
        }
        client.into_parts().0.finish();
    });
    let mut memory = Memory::<512, 768>::new();
    let mut context = Context::new(LIMITS, Stamp::EMPTY);
    let (mut app, buffers) = (App::default(), memory.lend());
    let ended = blocking::serve(&mut near, &mut app, &mut context, buffers, &mut world);
    assert_eq!(ended, Ok(kinglet_core::http::server::Cause::Peer));
}

#[test]
fn content_is_streamed_and_ends_with_trailers() {
    let (near, far) = line(100, 100);
    let world = World::new();
    server(far, &world);
    let mut memory = Memory::<256, 128>::new();
    let mut client = blocking::Http::new(near, world, memory.lend(), LIMITS);
    client.request(&post("/upload", Length::Unknown)).unwrap();
    for _ in 0..50 {
        client.write(b"21.5 degrees\n").unwrap();
    }
    client.finish(&[field!("Digest", "abc")]).unwrap();
    assert_eq!(client.response().unwrap().status().code(), 200);
    assert_eq!(client.read(), Ok(Some(b"650 1".as_slice())));
    assert_eq!(client.read(), Ok(None));

    // What was declared is what is sent.
    client.request(&post("/upload", Length::Exact(4))).unwrap();
    client.write(b"abc").unwrap();
    let short = Err(Failure::Request(SendError::Length).into());
    assert_eq!(client.finish(&[]), short);
    assert_eq!(client.write(b"de"), short);
    client.write(b"d").unwrap();
    client.finish(&[]).unwrap();
    client.response().unwrap();
    assert_eq!(client.read(), Ok(Some(b"4 0".as_slice())));
}

/// What both clients make of a server's bytes: status and content, or the failure.
fn ask(script: &[Act], patience: u64) -> Result<String, Failure> {
    let failure = |error| match error {
        kinglet_embedded::Error::Failed(failure) => failure,
        kinglet_embedded::Error::Stream(_) => Failure::Closed,
    };
    let (near, far) = line(usize::MAX, usize::MAX);
    let world = World::scripted(far, script.iter().cloned());
    let mut memory = Memory::<128, 128>::new();
    let mut client = blocking::Http::new(near, world.clone(), memory.lend(), LIMITS);
    let deadline = Some(Instant::from_millis(world.millis() + patience));
    client.set_deadline(deadline);
    let mut blocked = || {
        let response = client.ask(&Request::get("/", "a"), b"")?;
        let mut text = response.status().code().to_string();
        while let Some(data) = client.read()? {
            text.push_str(&String::from_utf8_lossy(data));
        }
        Ok(text)
    };
    let blocked = blocked().map_err(failure);
    let lasted = world.millis();

    let (near, far) = line(usize::MAX, usize::MAX);
    let world = World::scripted(far, script.iter().cloned());
    let mut memory = Memory::<128, 128>::new();
    let mut client = asynchronous::Http::new(near, &world, memory.lend(), LIMITS);
    client.set_deadline(deadline);
    let awaited = world.run(async {
        let response = client.ask(&Request::get("/", "a"), b"").await?;
        let mut text = response.status().code().to_string();
        while let Some(data) = client.read().await? {
            text.push_str(&String::from_utf8_lossy(data));
        }
        Ok(text)
    });
    assert_eq!(blocked, awaited.map_err(failure), "{script:?}");
    assert_eq!(lasted, world.millis());
    blocked
}

fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

#[test]
fn an_answer_is_the_same_however_it_is_cut() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nDigest: x\r\n\r\n";
    for at in 0..=answer.len() {
        let (start, end) = answer.split_at(at);
        assert_eq!(ask(&[send(start), send(end)], 1000), Ok("200hello!".into()));
    }
    let bytes: Vec<Act> = answer.bytes().map(|byte| send([byte])).collect();
    assert_eq!(ask(&bytes, 1000), Ok("200hello!".into()));
}

#[test]
fn a_client_says_what_is_wrong() {
    let truncated = Failure::Response(Error::Syntax(SyntaxError::Truncated));
    for (script, expected) in [
        (vec![], Failure::Late),
        (vec![send("HTTP/1.1 200 OK\r\nConte")], Failure::Late),
        (vec![Act::Finish], Failure::Closed),
        (vec![Act::Sever], Failure::Closed),
        (vec![send("HTTP/1.1 200"), Act::Finish], truncated),
        (
            vec![
                send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
                Act::Finish,
            ],
            truncated,
        ),
        (
            vec![send("SSH-2.0-x\r\n\r\n....")],
            Failure::Response(Error::Syntax(SyntaxError::InvalidVersion)),
        ),
    ] {
        assert_eq!(ask(&script, 1000), Err(expected), "{script:?}");
    }
    let until_the_end = [send("HTTP/1.0 200 OK\r\n\r\nall"), Act::Finish];
    assert_eq!(ask(&until_the_end, 1000), Ok("200all".into()));
}

#[test]
fn a_server_that_answers_early_is_heard() {
    let (near, far) = line(300, 300);
    let refusal =
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    let world = World::scripted(far, [send("HTTP/1.1 100 Continue\r\n\r\n"), send(refusal)]);
    let mut memory = Memory::<128, 128>::new();
    let mut client = blocking::Http::new(near, world, memory.lend(), LIMITS);
    let content = [0; 5000];
    let response = client
        .ask(&post("/", Length::Exact(5000)), &content)
        .unwrap();
    assert_eq!(response.status().code(), 413);
    assert_eq!(client.read(), Ok(Some(b"no".as_slice())));
    assert_eq!(client.read(), Ok(None));
    assert!(!client.is_reusable());
    let closed = Err(Failure::Request(SendError::Closed).into());
    assert_eq!(client.request(&Request::get("/", "a")), closed);
}

#[test]
fn calls_in_the_wrong_order_are_told() {
    let (near, far) = line(300, 300);
    let world = World::new();
    server(far, &world);
    let mut memory = Memory::<256, 128>::new();
    let mut client = blocking::Http::new(near, world, memory.lend(), LIMITS);
    assert_eq!(client.response().err(), Some(Failure::NotAsked.into()));
    assert_eq!(client.read(), Err(Failure::NotAsked.into()));
    client.request(&Request::get("/", "a")).unwrap();
    let busy = Err(Failure::Request(SendError::Busy).into());
    assert_eq!(client.request(&Request::get("/", "a")), busy);
    // The head may be left out.
    assert_eq!(client.read(), Ok(Some(b"hello".as_slice())));
    assert_eq!(client.response().err(), Some(Failure::NotAsked.into()));
    assert_eq!(client.read(), Ok(None));
    assert_eq!(client.read(), Ok(None));
}

const NONCE: [u8; 16] = *b"sixteen bytes ok";

fn opening() -> Opening<'static> {
    Opening {
        protocols: &["echo"],
        deflate: Some(Deflate::MICROCONTROLLER),
        ..Opening::new("/socket", "device", NONCE)
    }
}

fn random() -> [u8; 4] {
    [1, 2, 3, 4]
}

#[test]
fn a_blocking_websocket_hears_its_echo() {
    for bite in [usize::MAX, 100, 1] {
        let (near, far) = line(usize::MAX, bite);
        let world = World::new();
        server(far, &world);
        let mut memory = Memory::<256, 256>::new();
        let opened =
            blocking::WebSocket::open(near, world, memory.lend(), LIMITS, opening(), random, None);
        let (mut client, opened) = opened.unwrap();
        assert_eq!(opened.protocol, Some("echo"));
        assert_eq!(opened.compression, None);
        let mut into = [0; 6000];
        let (text, bytes) = ("é".repeat(2000), vec![7; 5001]);
        let messages = [
            Message::text("hello"),
            Message::text(""),
            Message::text(&text),
            Message::binary(&bytes),
        ];
        for message in messages {
            client.send(message).unwrap();
            assert_eq!(
                client.receive(&mut into, None),
                Ok(Received::Message(message))
            );
        }
        client.ping(b"ping").unwrap();
        client.fragment("one ", Rest::More).unwrap();
        client.fragment("two", Rest::None).unwrap();
        let echo = Message::text("one two");
        assert_eq!(client.receive(&mut into, None), Ok(Received::Message(echo)));
        client.close(CloseCode::NORMAL, "done").unwrap();
        let Ok(Received::Closed(close)) = client.receive(&mut into, None) else {
            panic!("not closed");
        };
        assert!(close.is_clean() && close.code() == CloseCode::NORMAL);
        let closed = Err(Failure::Closed.into());
        assert_eq!(client.receive(&mut into, None), closed);
    }
}

#[test]
fn an_asynchronous_websocket_hears_its_echo() {
    for bite in [usize::MAX, 100, 1] {
        let (near, far) = line(usize::MAX, bite);
        let world = World::new();
        server(far, &world);
        let mut memory = Memory::<256, 256>::new();
        world.run(async {
            let opened = asynchronous::WebSocket::open(
                near,
                &world,
                memory.lend(),
                LIMITS,
                opening(),
                random,
                None,
            );
            let (mut client, opened) = opened.await.unwrap();
            assert_eq!(opened.protocol, Some("echo"));
            let mut into = [0; 6000];
            let (text, bytes) = ("é".repeat(2000), vec![7; 5001]);
            for message in [
                Message::text("hello"),
                Message::text(&text),
                Message::binary(&bytes),
            ] {
                client.send(message).await.unwrap();
                let echo = client.receive(&mut into, None).await;
                assert_eq!(echo, Ok(Received::Message(message)));
            }
            client.close(CloseCode::NORMAL, "done").await.unwrap();
            let Ok(Received::Closed(close)) = client.receive(&mut into, None).await else {
                panic!("not closed");
            };
            assert!(close.is_clean());
        });
    }
}

#[test]
fn a_mebibyte_passes_a_window_of_a_kibibyte() {
    const LEN: usize = 1024 * 1024;
    let (near, far) = line(2048, 2048);
    let world = World::new();
    server(far, &world);
    let mut memory = Memory::<1024, 1024>::new();
    let opened =
        blocking::WebSocket::open(near, world, memory.lend(), LIMITS, opening(), random, None);
    let (mut client, _) = opened.unwrap();
    let (mut sent, mut came, mut is_whole) = (0, 0, false);
    while !is_whole {
        if sent < LEN {
            let part = [b'm'; 512];
            sent += part.len();
            let rest = if sent == LEN { Rest::None } else { Rest::More };
            client.fragment(part.as_slice(), rest).unwrap();
        }
        // All of the echo is read, or at some time neither side would.
        while came < sent || (sent == LEN && !is_whole) {
            let received = client.receive_part(None, |part, _| {
                assert!(part.data().iter().all(|byte| *byte == b'm'));
                came += part.data().len();
                is_whole = part.place().is_last();
            });
            assert_eq!(received, Ok(Received::Message(())));
        }
    }
    assert_eq!((sent, came), (LEN, LEN));
}

#[test]
fn messages_are_compressed_where_both_sides_have_memory() {
    let (near, far) = line(usize::MAX, usize::MAX);
    let world = World::new();
    let platform = world.clone();
    let mut end = far.clone();
    world.beside(async move {
        let (mut input, mut output) = ([0; 512], [0; 768]);
        let mut inflater = deflate::Inflater::new([0; 1024]);
        let mut deflater = deflate::Deflater::new([0; 1024], [0; 512]);
        let buffers =
            Buffers::new(&mut input, &mut output).with_codecs(&mut inflater, &mut deflater);
        let mut context = Context::new(LIMITS, Stamp::EMPTY);
        let mut app = App::default();
        let served = asynchronous::serve(&mut end, &mut app, &mut context, buffers, &platform);
        let _ = served.await;
        end.finish();
    });
    let (mut input, mut output) = ([0; 512], [0; 512]);
    let mut inflater = deflate::Inflater::new([0; 1024]);
    let mut deflater = deflate::Deflater::new([0; 1024], [0; 512]);
    let buffers = Buffers::new(&mut input, &mut output).with_codecs(&mut inflater, &mut deflater);
    let opened = blocking::WebSocket::open(near, world, buffers, LIMITS, opening(), random, None);
    let (mut client, opened) = opened.unwrap();
    assert!(opened.compression.is_some());
    let (text, mut into) = ("21.5 degrees, ".repeat(40), [0; 1000]);
    for _ in 0..3 {
        client.send(text.as_str()).unwrap();
        let echo = Message::text(&text);
        assert_eq!(client.receive(&mut into, None), Ok(Received::Message(echo)));
    }
}

#[test]
fn a_websocket_does_not_wait_for_longer_than_it_is_told() {
    let (near, far) = line(usize::MAX, usize::MAX);
    let world = World::new();
    server(far, &world);
    let mut memory = Memory::<256, 256>::new();
    let now = || Instant::from_millis(world.millis());
    let opened = blocking::WebSocket::open(
        near,
        world.clone(),
        memory.lend(),
        LIMITS,
        opening(),
        random,
        None,
    );
    let (mut client, _) = opened.unwrap();
    let mut into = [0; 8];
    let until = now().after(core::time::Duration::from_millis(300));
    assert_eq!(
        client.receive(&mut into, Some(until)),
        Ok(Received::Nothing)
    );
    assert_eq!(now(), until);
    assert_eq!(
        client.receive(&mut into, Some(until)),
        Ok(Received::Nothing)
    );

    // A message that is longer than what it is put into ends the WebSocket.
    client.send("too long for that").unwrap();
    let Ok(Received::Closed(close)) = client.receive(&mut into, None) else {
        panic!("not closed");
    };
    assert_eq!(close.code(), CloseCode::MESSAGE_TOO_BIG);
    assert!(matches!(close.error(), Some(websocket::Error::Limit(_))));
}

#[test]
fn a_websocket_is_not_opened_by_another_answer() {
    for (answer, expected) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            Failure::Opening(websocket::AnswerError::Status(
                kinglet_core::http::Status::FORBIDDEN,
            )),
        ),
        ("", Failure::Closed),
    ] {
        let (near, far) = line(usize::MAX, usize::MAX);
        let world = World::scripted(far, [send(answer), Act::Finish]);
        let mut memory = Memory::<256, 256>::new();
        let opened =
            blocking::WebSocket::open(near, world, memory.lend(), LIMITS, opening(), random, None);
        assert_eq!(opened.err(), Some(expected.into()));
    }
    let (near, far) = line(usize::MAX, usize::MAX);
    let world = World::scripted(far, []);
    let deadline = Instant::from_millis(world.millis() + 500);
    let mut memory = Memory::<256, 256>::new();
    let opened = blocking::WebSocket::open(
        near,
        world.clone(),
        memory.lend(),
        LIMITS,
        opening(),
        random,
        Some(deadline),
    );
    assert_eq!(opened.err(), Some(Failure::Late.into()));
    assert_eq!(Instant::from_millis(world.millis()), deadline);

    let (near, _) = line(usize::MAX, usize::MAX);
    let mut memory = Memory::<256, 64>::new();
    let opened =
        blocking::WebSocket::open(near, world, memory.lend(), LIMITS, opening(), random, None);
    assert_eq!(opened.err(), Some(Failure::InvalidOpening.into()));
}

#[test]
fn a_websocket_gives_a_server_up_that_takes_nothing_or_says_nothing() {
    let key = websocket::accept_key::key(&NONCE);
    let accept = websocket::accept_key::accept(&key);
    let accept = core::str::from_utf8(&accept).unwrap();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    // It takes the opening handshake and nothing more.
    let script = [Act::Take(400), send(&answer)];
    let rate_window = u64::try_from(LIMITS.rate_window.as_millis()).unwrap();
    let silence = u64::try_from((LIMITS.ping_interval + LIMITS.pong_timeout).as_millis()).unwrap();

    let (near, far) = line(400, 400);
    let world = World::scripted(far, script.clone());
    let mut memory = Memory::<512, 512>::new();
    let platform = world.clone();
    let opened = blocking::WebSocket::open(
        near,
        platform,
        memory.lend(),
        LIMITS,
        opening(),
        random,
        None,
    );
    let (mut client, _) = opened.unwrap();
    let begun = world.millis();
    assert_eq!(client.send([0; 2000].as_slice()), Err(Failure::Slow.into()));
    assert_eq!(world.millis() - begun, rate_window);
    assert_eq!(client.receive(&mut [], None), Err(Failure::Closed.into()));

    let (near, far) = line(400, 400);
    let world = World::scripted(far, script.clone());
    let mut memory = Memory::<512, 512>::new();
    world.run(async {
        let opened = asynchronous::WebSocket::open(
            near,
            &world,
            memory.lend(),
            LIMITS,
            opening(),
            random,
            None,
        );
        let (mut client, _) = opened.await.unwrap();
        let begun = world.millis();
        let sent = client.send([0; 2000].as_slice()).await;
        assert_eq!(sent, Err(Failure::Slow.into()));
        assert_eq!(world.millis() - begun, rate_window);
    });

    let (near, far) = line(400, 400);
    let world = World::scripted(far, script);
    let mut memory = Memory::<512, 512>::new();
    let platform = world.clone();
    let opened = blocking::WebSocket::open(
        near,
        platform,
        memory.lend(),
        LIMITS,
        opening(),
        random,
        None,
    );
    let (mut client, _) = opened.unwrap();
    let begun = world.millis();
    let Ok(Received::Closed(close)) = client.receive(&mut [], None) else {
        panic!("not closed");
    };
    assert!(!close.is_clean() && close.code() == CloseCode::ABNORMAL);
    assert_eq!(world.millis() - begun, silence);
}
