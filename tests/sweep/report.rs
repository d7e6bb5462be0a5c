//! What a sweep found: a line per point while it runs, a table at its end.

use crate::operations::Landed;
use crate::plan::{Operation, Point};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How one point ended.
pub(crate) struct Ending {
    /// Whether the owner was killed in it, or a call failed.
    pub(crate) hit: bool,
    pub(crate) landed: Option<Landed>,
    pub(crate) wrong: Vec<String>,
}

#[derive(Default)]
struct Row {
    points: usize,
    hit: usize,
    old: usize,
    new: usize,
    gap: usize,
    wrong: usize,
    took: Duration,
}

/// The endings so far.
pub(crate) struct Report {
    seed: u64,
    begun: Instant,
    rows: Vec<(Operation, Row)>,
    wrong: Vec<String>,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, begun: hearthkey_tests::world::now(), rows: vec![], wrong: vec![] }
    }

    /// Notes how a point ended, and says it.
    pub(crate) fn note(&mut self, point: &Point, ending: &Ending, begun: Instant) {
        let took = hearthkey_tests::world::now() - begun;
        if !self.rows.iter().any(|(known, _)| *known == point.operation) {
            self.rows.push((point.operation, Row::default()));
        }
        let Some((_, row)) = self.rows.iter_mut().find(|(known, _)| *known == point.operation) else {
            return;
        };
        row.points += 1;
        row.took += took;
        row.hit += usize::from(ending.hit);
        match ending.landed {
            Some(Landed::Old) => row.old += 1,
            Some(Landed::New) => row.new += 1,
            Some(Landed::Gap) => row.gap += 1,
            None => {}
        }
        row.wrong += usize::from(!ending.wrong.is_empty());
        let number: usize = self.rows.iter().map(|(_, row)| row.points).sum();
        let hit = if ending.hit { "hit" } else { "passed by" };
        let landed = ending.landed.map_or("?", |landed| match landed {
            Landed::Old => "old",
            Landed::New => "new",
            Landed::Gap => "gap",
        });
        println!("{number:4}  {:34}  {hit:9}  {landed:3}  {:.1} s", point.to_string(), took.as_secs_f64());
        for wrong in &ending.wrong {
            println!("      VIOLATION: {wrong}");
            self.wrong.push(format!("{point} (seed {}): {wrong}\n    {}", self.seed, repeat(point)));
        }
    }

    /// Prints the table, and fails if anything was violated.
    pub(crate) fn finish(self) {
        let mut table = format!(
            "\n{:12} {:>6} {:>6} {:>6} {:>6} {:>6} {:>10} {:>8}\n",
            "operation", "points", "hit", "old", "new", "gap", "violations", "s/point"
        );
        let mut all = Row::default();
        for (operation, row) in &self.rows {
            line(&mut table, operation.word(), row);
            all.points += row.points;
            all.hit += row.hit;
            all.old += row.old;
            all.new += row.new;
            all.gap += row.gap;
            all.wrong += row.wrong;
            all.took += row.took;
        }
        line(&mut table, "all", &all);
        let took = hearthkey_tests::world::now() - self.begun;
        println!("{table}seed {}, {:.0} s", self.seed, took.as_secs_f64());
        if all.gap > 0 {
            println!(
                "gap: a strict service had renewed a token, and the owner was cut before it was stored: a new sign-in is needed, and said"
            );
        }
        assert!(self.wrong.is_empty(), "{} violations:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

fn line(table: &mut String, name: &str, row: &Row) {
    let each = row.took.as_secs_f64() / row.points.max(1) as f64;
    let Row { points, hit, old, new, gap, wrong, .. } = row;
    let _ = writeln!(table, "{name:12} {points:6} {hit:6} {old:6} {new:6} {gap:6} {wrong:10} {each:8.2}");
}

/// How a person plays a point again.
fn repeat(point: &Point) -> String {
    format!("again: cargo xtask sweep vault --only {point}")
}
