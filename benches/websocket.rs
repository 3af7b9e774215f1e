//! How fast is what a frame needs? `cargo bench --bench websocket`
//!
//! tungstenite's masking cannot be called from outside, so that only its headers are here.
#![expect(clippy::type_complexity, reason = "rows of a name and a function")]

mod cases;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

use cases::websocket;

fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unmask");
    for len in websocket::LENGTHS {
        let mut payload = websocket::payload(len);
        group.throughput(Throughput::Bytes(len as u64));
        let mut row = |name, unmask: fn(&mut [u8])| {
            group.bench_function(BenchmarkId::new(name, len), |bencher| {
                bencher.iter(|| unmask(&mut payload));
            });
        };
        row("kinglet", websocket::unmask);
        row("fastwebsockets", websocket::fastwebsockets_unmask);
    }
}

fn utf8(criterion: &mut Criterion) {
    let texts: [(&str, fn(usize) -> Vec<u8>); 2] =
        [("ascii", websocket::ascii), ("mixed", websocket::mixed)];
    for (name, text) in texts {
        let mut group = criterion.benchmark_group(format!("utf8 {name}"));
        for len in websocket::LENGTHS {
            group.throughput(Throughput::Bytes(len as u64));
            utf8_rows(&mut group, &text(len));
        }
    }
}

fn utf8_rows(group: &mut BenchmarkGroup<'_, WallTime>, text: &[u8]) {
    let rows: [(&str, fn(&[u8]) -> bool); 3] = [
        ("kinglet", websocket::utf8),
        ("std", websocket::std_utf8),
        ("simdutf8", websocket::simdutf8),
    ];
    for (name, check) in rows {
        assert!(check(text));
        group.bench_function(BenchmarkId::new(name, text.len()), |bencher| {
            bencher.iter(|| check(text));
        });
    }
}

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    for bytes in websocket::masked_headers() {
        let len = bytes.len() - 16;
        let rows: [(&str, fn(&[u8]) -> u64); 2] = [
            ("parse kinglet", websocket::parse),
            ("parse tungstenite", websocket::tungstenite_parse),
        ];
        for (name, parse) in rows {
            assert_ne!(parse(&bytes), 0);
            group.bench_function(BenchmarkId::new(name, len), |bencher| {
                bencher.iter(|| black_box(parse(&bytes)));
            });
        }
    }
    let mut out = [0; 64];
    for payload_len in [100, 1000, 100_000] {
        let rows: [(&str, fn(u64, &mut [u8]) -> usize); 2] = [
            ("emit kinglet", websocket::emit),
            ("emit tungstenite", websocket::tungstenite_emit),
        ];
        for (name, emit) in rows {
            let len = emit(payload_len, &mut out);
            group.bench_function(BenchmarkId::new(name, len), |bencher| {
                bencher.iter(|| black_box(emit(payload_len, &mut out)));
            });
        }
    }
}

criterion_group!(benches, unmask, utf8, header);
criterion_main!(benches);
