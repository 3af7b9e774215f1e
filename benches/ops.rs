//! One operation, again and again, for `benches/instructions` to count:
//! `cargo run --release --bin ops -- parse-703 1000`, in this folder.

mod cases;

use std::hint::black_box;
use std::process::ExitCode;

use cases::websocket;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(times)) = (arguments.next(), arguments.next()) else {
        eprintln!("ops OPERATION TIMES");
        return ExitCode::FAILURE;
    };
    let Ok(times) = times.parse() else {
        eprintln!("{times}: not a number of times");
        return ExitCode::FAILURE;
    };
    if run(&name, times) {
        ExitCode::SUCCESS
    } else {
        eprintln!("{name}: not an operation");
        ExitCode::FAILURE
    }
}

/// Answers whether there is such an operation.
fn run(name: &str, times: usize) -> bool {
    let repeat = |operation: &mut dyn FnMut()| (0..times).for_each(|_| operation());
    let [short, middle, long] = cases::HEADS;
    match name {
        "parse-35" => repeat(&mut || cases::parse(short)),
        "parse-100" => repeat(&mut || cases::parse(middle)),
        "parse-703" => repeat(&mut || cases::parse(long)),
        "httparse-35" => repeat(&mut || cases::httparse(short)),
        "httparse-100" => repeat(&mut || cases::httparse(middle)),
        "httparse-703" => repeat(&mut || cases::httparse(long)),
        "chunked-16" => decode(16, &repeat),
        "chunked-1024" => decode(1024, &repeat),
        "respond" => {
            let mut out = [0; 256];
            repeat(&mut || {
                black_box(cases::respond(&mut out));
            });
        }
        "turn-1" => turn(1, &repeat),
        "turn-16" => turn(16, &repeat),
        _ => return websocket(name, &repeat),
    }
    true
}

/// The same for the operations of WebSocket.
fn websocket(name: &str, repeat: &dyn Fn(&mut dyn FnMut())) -> bool {
    let [short, middle, long] = websocket::masked_headers();
    let mut out = [0; 64];
    match name {
        "header-6" => run_on(&short, websocket::parse, repeat),
        "header-8" => run_on(&middle, websocket::parse, repeat),
        "header-14" => run_on(&long, websocket::parse, repeat),
        "tungstenite-header-6" => run_on(&short, websocket::tungstenite_parse, repeat),
        "tungstenite-header-8" => run_on(&middle, websocket::tungstenite_parse, repeat),
        "tungstenite-header-14" => run_on(&long, websocket::tungstenite_parse, repeat),
        "emit-header-2" => repeat(&mut || _ = black_box(websocket::emit(100, &mut out))),
        "emit-header-4" => repeat(&mut || _ = black_box(websocket::emit(1000, &mut out))),
        "tungstenite-emit-2" => {
            repeat(&mut || _ = black_box(websocket::tungstenite_emit(100, &mut out)))
        }
        "tungstenite-emit-4" => {
            repeat(&mut || _ = black_box(websocket::tungstenite_emit(1000, &mut out)))
        }
        _ => return by_len(name, repeat),
    }
    true
}

/// Those whose name ends in the length of what they are given.
fn by_len(name: &str, repeat: &dyn Fn(&mut dyn FnMut())) -> bool {
    let Some((name, Ok(len))) = name.rsplit_once('-').map(|(name, len)| (name, len.parse())) else {
        return false;
    };
    let mut payload = websocket::payload(len);
    let ascii = websocket::ascii(len);
    let mixed = websocket::mixed(len);
    match name {
        "unmask" => repeat(&mut || websocket::unmask(&mut payload)),
        "fastwebsockets-unmask" => {
            repeat(&mut || websocket::fastwebsockets_unmask(&mut payload));
        }
        "utf8-ascii" => run_on(&ascii, websocket::utf8, repeat),
        "std-utf8-ascii" => run_on(&ascii, websocket::std_utf8, repeat),
        "utf8-mixed" => run_on(&mixed, websocket::utf8, repeat),
        "std-utf8-mixed" => run_on(&mixed, websocket::std_utf8, repeat),
        _ => return false,
    }
    true
}

fn run_on<T>(bytes: &[u8], operation: fn(&[u8]) -> T, repeat: &dyn Fn(&mut dyn FnMut())) {
    repeat(&mut || {
        black_box(operation(black_box(bytes)));
    });
}

fn decode(chunk_len: usize, repeat: &dyn Fn(&mut dyn FnMut())) {
    let body = cases::chunked(chunk_len);
    repeat(&mut || {
        black_box(cases::decode(black_box(&body)));
    });
}

fn turn(depth: usize, repeat: &dyn Fn(&mut dyn FnMut())) {
    let mut server = cases::Server::new(depth);
    repeat(&mut || {
        black_box(server.turn());
    });
}
