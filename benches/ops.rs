//! One operation, again and again, for `benches/instructions` to count:
//! `cargo run --release --bin ops -- parse-703 1000`, in this folder.

mod cases;

use std::hint::black_box;
use std::process::ExitCode;

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
        _ => return false,
    }
    true
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
