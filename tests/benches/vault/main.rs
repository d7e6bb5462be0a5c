//! What people wait for, and whether it grows with the number of connections. `cargo xtask bench vault` runs it; the figures
//! are in `docs/PERFORMANCE.md`.
//!
//! Real: the vault, the database on the disk, the socket, the operations. Stood in for: the keychain, and the service that is
//! asked, which answers at once.

mod doubles;
mod profile;

use criterion::{BenchmarkId, Criterion, Throughput};
use hearthkey_api::operations::{app, connections, vault};
use hearthkey_domain::sealed::SealContext;
use hearthkey_tests::world;
use hearthkey_vault::{KeychainKey, Vault, VaultId, WorkspaceKeys};
use profile::Profile;
use std::hint::black_box;
use std::time::Duration;

/// A credential as large as they come: two JSON Web Tokens and what belongs to them.
const CREDENTIAL: usize = 3 * 1024;
/// How many rows the window shows at first.
const PAGE: u32 = 50;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    sealing(&mut criterion);
    for connections in [1_000, 10_000, 100_000] {
        with_connections(&mut criterion, connections);
    }
    criterion.final_summary();
}

fn sealing(criterion: &mut Criterion) {
    let key = KeychainKey::generate().expect("a key");
    let (vault, _) = Vault::create(VaultId::generate().expect("an identifier"), &key);
    let sealed = vault.new_workspace_key("ws").expect("a key");
    let keys = WorkspaceKeys { workspace: "ws", generation: 1, sealed: &sealed, retiring: None };
    vault.admit_workspace(&keys).expect("its own key opens");
    let (issuer, policy) = ("https://id.example.com", "api.example.com id.example.com");
    let (table, row, field) = ("credentials", "conn_01M3250V00040G2081040G2081", "credential");
    let place = SealContext { workspace: "ws", table, row, field, version: 1, issuer, policy };
    let plain = vec![b'x'; CREDENTIAL];
    let sealed = vault.seal(place, &plain).expect("it seals");
    let mut group = criterion.benchmark_group("credential of 3 KB");
    group.throughput(Throughput::Bytes(CREDENTIAL as u64));
    group.bench_function("seal", |b| b.iter(|| vault.seal(black_box(place), black_box(&plain))));
    group.bench_function("open", |b| b.iter(|| vault.unseal(black_box(place), black_box(&sealed))));
    group.finish();
}

fn with_connections(criterion: &mut Criterion, count: usize) {
    let mut profile = Profile::lazily(count);

    let mut group = criterion.benchmark_group("first page over the socket");
    group.bench_function(BenchmarkId::from_parameter(count), |b| {
        let (profile, page) = (profile.get(), connections::List { limit: Some(PAGE), after: None });
        b.iter(|| assert_eq!(profile.call(&page).connections.len(), PAGE as usize));
    });
    group.finish();

    let mut group = criterion.benchmark_group("page from the middle over the socket");
    group.bench_function(BenchmarkId::from_parameter(count), |b| {
        let after = Some(profile::label(count / 2));
        let (profile, page) = (profile.get(), connections::List { limit: Some(PAGE), after });
        b.iter(|| assert_eq!(profile.call(&page).connections.len(), PAGE as usize));
    });
    group.finish();

    let mut group = criterion.benchmark_group("token over the socket");
    for (name, connection) in [("by label", profile::label(count / 3)), ("by identifier", String::new())] {
        group.bench_function(BenchmarkId::new(name, count), |b| {
            let profile = profile.get();
            let connection =
                if connection.is_empty() { profile.identifier.clone() } else { connection.clone() };
            let request = connections::Request { connection, path: "/v1/me".into(), ..Default::default() };
            b.iter(|| assert_eq!(profile.call(&request).status, 200));
        });
    }
    group.finish();

    // These look at every row by their nature.
    if count <= 10_000 {
        let mut group = criterion.benchmark_group("every row");
        group.sample_size(10).measurement_time(Duration::from_secs(10));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("list all", count), |b| {
            let profile = profile.get();
            b.iter(|| assert_eq!(profile.call(&connections::List::default()).connections.len(), count + 1));
        });
        group.bench_function(BenchmarkId::new("doctor", count), |b| {
            let profile = profile.get();
            b.iter(|| assert!(profile.call(&app::Doctor {}).healthy));
        });
        group.bench_function(BenchmarkId::new("rotate", count), |b| {
            let profile = profile.get();
            b.iter_custom(|times| {
                let begun = world::now();
                for _ in 0..times {
                    assert_eq!(profile.call(&vault::Rotate {}).rows, count as u64 + 1);
                }
                world::now() - begun
            });
        });
        group.finish();
    }
}
