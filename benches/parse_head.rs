//! How fast is a request head read? `cargo bench --bench parse_head`

mod cases;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn parse_head(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse_head");
    for head in cases::HEADS {
        group.throughput(Throughput::Bytes(head.len() as u64));
        for (name, parse) in [
            ("kinglet", cases::parse as fn(&[u8])),
            ("httparse", cases::httparse),
        ] {
            group.bench_with_input(BenchmarkId::new(name, head.len()), head, |bencher, head| {
                bencher.iter(|| parse(head));
            });
        }
    }
}

criterion_group!(benches, parse_head);
criterion_main!(benches);
