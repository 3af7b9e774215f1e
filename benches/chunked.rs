//! How fast is a chunked message body decoded? `cargo bench --bench chunked`

mod cases;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn chunked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunked");
    for chunk_len in [16, 1024, 16 * 1024] {
        let body = cases::chunked(chunk_len);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("16 chunks", chunk_len),
            &body,
            |bencher, body| bencher.iter(|| cases::decode(black_box(body))),
        );
    }
}

criterion_group!(benches, chunked);
criterion_main!(benches);
