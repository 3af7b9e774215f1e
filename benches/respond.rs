//! How fast is a request answered, without a socket? `cargo bench --bench respond`

mod cases;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn respond(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("respond");
    let mut out = [0; 256];
    group.throughput(Throughput::Elements(1));
    group.bench_function("head", |bencher| {
        bencher.iter(|| cases::respond(&mut out));
    });
    for depth in [1, 16] {
        let mut server = cases::Server::new(depth);
        group.throughput(Throughput::Elements(depth as u64));
        group.bench_function(BenchmarkId::new("turn", depth), |bencher| {
            bencher.iter(|| server.turn());
        });
    }
}

criterion_group!(benches, respond);
criterion_main!(benches);
