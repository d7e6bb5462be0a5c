//! Somebody who looks on: what other programs see of the processes of a home, again and again.

use crate::{Home, process, search, world};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Looks at the arguments and the environment of every process of a home until it is asked what it saw.
pub struct Onlooker {
    enough: Arc<AtomicBool>,
    looks: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Onlooker {
    /// Begins to look.
    #[must_use]
    pub fn at(home: &Home) -> Self {
        let (enough, path) = (Arc::new(AtomicBool::new(false)), home.path().to_owned());
        let looks = {
            let enough = Arc::clone(&enough);
            std::thread::spawn(move || look(&path, &enough))
        };
        Self { enough, looks }
    }

    /// Ends, and gives each thing that was seen once.
    #[must_use]
    pub fn saw(self) -> BTreeSet<Vec<u8>> {
        self.enough.store(true, Ordering::Relaxed);
        self.looks.join().expect("a look does not fail")
    }
}

fn look(home: &Path, enough: &AtomicBool) -> BTreeSet<Vec<u8>> {
    let mut seen = BTreeSet::new();
    loop {
        // The last look comes after the last thing that was to be seen.
        let last = enough.load(Ordering::Relaxed);
        seen.extend(process::processes_of(home).into_iter().map(search::seen_from_outside));
        if last {
            return seen;
        }
        world::pause();
    }
}
