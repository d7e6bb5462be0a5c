//! The memory of a running process, as root sees it.

use crate::process;
use rustix::process::Signal;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The size of a page.
const PAGE: usize = 4096;

/// Pages of a process's memory that follow each other, and are not empty.
pub struct Region {
    /// Where it begins.
    pub at: u64,
    /// What it belongs to: `[heap]`, `[stack]`, a file, or nothing.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// Everything a process can have written into its memory. The process stands still meanwhile.
#[must_use]
pub fn of(pid: u32) -> Vec<Region> {
    process::send(pid, Signal::STOP);
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"));
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root sees the memory of a process that runs");
    let mut regions = vec![];
    for (range, name) in maps.expect("root sees its maps").lines().filter_map(mapped) {
        read(&memory, range, &name, &mut regions);
    }
    process::send(pid, Signal::CONT);
    regions
}

/// The addresses and the name of a mapping that a process can have written to.
fn mapped(line: &str) -> Option<(Range<u64>, String)> {
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let range = u64::from_str_radix(from, 16).ok()?..u64::from_str_radix(to, 16).ok()?;
    let rights = words.next()?;
    let name = words.skip(3).collect::<Vec<_>>().join(" ");
    // The kernel's own pages, and what is only read from a file: nothing was written there.
    let is_own = rights.starts_with("rw") || (rights.starts_with('r') && name.is_empty());
    (is_own && !name.starts_with("[v") && !name.starts_with("/dev/")).then_some((range, name))
}

fn read(memory: &File, range: Range<u64>, name: &str, regions: &mut Vec<Region>) {
    let mut goes_on = false;
    for at in range.step_by(PAGE) {
        let mut page = [0; PAGE];
        // Some pages cannot be read; the others are.
        let is_empty = memory.read_exact_at(&mut page, at).is_err() || page == [0; PAGE];
        match regions.last_mut().filter(|_| goes_on && !is_empty) {
            Some(before) => before.content.extend_from_slice(&page),
            None if is_empty => {}
            None => regions.push(Region { at, name: name.to_owned(), content: page.to_vec() }),
        }
        goes_on = !is_empty;
    }
}

#[cfg(test)]
mod tests {
    use crate::process::Stream;
    use crate::{Canary, Hunt, Process};
    use std::process::Command;

    #[test]
    fn a_text_is_found_in_the_memory_of_whoever_has_it() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let mut command = Command::new("sh");
        command.args(["-c", "kept=$(printf 'bird-%s' of-memory); echo ready; read line; echo $kept"]);
        let process = Process::start(command);
        process.line(Stream::Out, "that it is ready", |line| (line == "ready").then_some(()));
        let hunt = Hunt::new(&[Canary::new("bird", "bird-of-memory")]);
        let regions = super::of(process.id());
        let found = regions.iter().flat_map(|region| hunt.search(&region.content)).count();
        assert!(found > 0, "{} regions", regions.len());
    }
}
