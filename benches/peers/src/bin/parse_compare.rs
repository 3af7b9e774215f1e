//! How fast is a request head read, beside httparse and picohttpparser (with SSE4.2)?
//! `cargo run --release --bin parse_compare --features picohttpparser`
//!
//! Nanoseconds for one head: the median of many short rounds, in which the parsers take turns.

#[path = "../../../cases/mod.rs"]
mod cases;

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::null;
use std::time::Instant;

use picohttpparser_sys::{phr_header, phr_parse_request};

type Parse = fn(&[u8]);

const PARSERS: [(&str, Parse); 3] = [
    ("kinglet", cases::parse),
    ("httparse", cases::httparse),
    ("picohttpparser", picohttpparser),
];

const ROUNDS: usize = 201;
const HEADS_IN_A_ROUND: u32 = 2_000;

fn main() {
    println!("| bytes | kinglet | httparse | picohttpparser |");
    println!("|---:|---:|---:|---:|");
    for head in cases::HEADS {
        let mut nanoseconds = PARSERS.map(|_| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for ((_, parse), figures) in PARSERS.iter().zip(&mut nanoseconds) {
                let begin = Instant::now();
                (0..HEADS_IN_A_ROUND).for_each(|_| parse(head));
                figures.push(begin.elapsed().as_nanos());
            }
        }
        print!("| {} |", head.len());
        for figures in &mut nanoseconds {
            figures.sort_unstable();
            let median = figures[ROUNDS / 2] as f64;
            print!(" {:.1} ns |", median / f64::from(HEADS_IN_A_ROUND));
        }
        println!();
    }
}

/// Reads one head with picohttpparser.
fn picohttpparser(head: &[u8]) {
    let head = black_box(head);
    // Not initialised, as httparse's are not.
    let mut lines = [const { MaybeUninit::<phr_header>::uninit() }; 32];
    let (mut method, mut method_len) = (null(), 0);
    let (mut path, mut path_len) = (null(), 0);
    let (mut minor_version, mut line_count) = (0, lines.len());
    // SAFETY: the first two arguments are the bytes of one slice; the others are places of their
    // own, of which `lines` has as many elements as `line_count` says; it is only written to.
    let len = unsafe {
        phr_parse_request(
            head.as_ptr().cast(),
            head.len(),
            &mut method,
            &mut method_len,
            &mut path,
            &mut path_len,
            &mut minor_version,
            lines.as_mut_ptr().cast(),
            &mut line_count,
            0,
        )
    };
    black_box((&lines, method, path));
    assert_eq!(usize::try_from(len), Ok(head.len()));
}
