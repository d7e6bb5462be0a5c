//! What is cut where: operations, points, and how a seed chooses among the points an operation has.

use hearthkey_tests::world;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What the tests cut when nobody asks for more.
const USUAL_CUTS: usize = 40;
/// What the tests fail when nobody asks for more.
const USUAL_FAULTS: usize = 8;
const USUAL_SEED: u64 = 20_261_120;

/// What the owner does while it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// A sign-in, from the browser's return to the stored connection.
    Connect,
    /// A request whose access token has ended.
    Refresh,
    /// The same where a refresh token stays as it is, with the first answer lost on its way, and once more.
    Forgiven,
    /// New keys for everything, with a sign-in under way.
    Rotate,
    /// `disconnect --now`, and the new keys that follow.
    Delete,
    /// `workspaces remove`.
    Workspace,
    /// `export FILE`; the owner is cut.
    Export,
    /// `export FILE`; the command is cut.
    ExportFile,
    /// The start on a database of version 1.
    Migrate,
    /// `passphrase set --without-keychain`.
    Passphrase,
    /// `recovery create` and `recovery test`.
    Recovery,
}

impl Operation {
    pub(crate) const ALL: [Self; 11] = [
        Self::Connect,
        Self::Refresh,
        Self::Forgiven,
        Self::Rotate,
        Self::Delete,
        Self::Workspace,
        Self::Export,
        Self::ExportFile,
        Self::Migrate,
        Self::Passphrase,
        Self::Recovery,
    ];

    fn find(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|operation| operation.word() == word);
        found.ok_or_else(|| format!("{word:?} is no operation"))
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refresh => "refresh",
            Self::Forgiven => "forgiven",
            Self::Rotate => "rotate",
            Self::Delete => "delete",
            Self::Workspace => "workspace",
            Self::Export => "export",
            Self::ExportFile => "export-file",
            Self::Migrate => "migrate",
            Self::Passphrase => "passphrase",
            Self::Recovery => "recovery",
        }
    }

    /// How many of forty points are its own. A passphrase costs seconds of the processor.
    fn share(self) -> usize {
        match self {
            Self::Refresh => 6,
            Self::Rotate => 5,
            Self::Connect | Self::Forgiven | Self::Delete | Self::Migrate => 4,
            Self::Workspace | Self::Export | Self::Recovery => 3,
            Self::Passphrase | Self::ExportFile => 2,
        }
    }

    /// How many of eight faults are its own: those operations that write to the database.
    fn share_of_faults(self) -> usize {
        match self {
            Self::Rotate | Self::Delete => 2,
            Self::Connect | Self::Refresh | Self::Workspace | Self::Recovery => 1,
            Self::Forgiven | Self::Export | Self::ExportFile | Self::Migrate | Self::Passphrase => 0,
        }
    }
}

/// How the owner is hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// It is killed.
    Kill,
    /// It is killed, and what it had not brought to the disk is lost.
    Cut,
    /// The disk does not confirm, once; what it did not confirm is lost.
    Unsynced,
    /// No room, from then on.
    Full,
}

impl Harm {
    fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Cut => "cut",
            Self::Unsynced => "unsynced",
            Self::Full => "full",
        }
    }

    /// The calls at which this can happen.
    fn applies_to(self, syscall: &str) -> bool {
        match self {
            Self::Kill | Self::Cut => true,
            Self::Unsynced => matches!(syscall, "fdatasync" | "fsync"),
            Self::Full => syscall == "pwrite64",
        }
    }
}

/// One place to hurt one operation: the `nth` call of `syscall` by any one thread since the operation began.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) operation: Operation,
    pub(crate) syscall: String,
    pub(crate) nth: u32,
    pub(crate) harm: Harm,
}

impl fmt::Display for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}:{}", self.operation.word(), self.syscall, self.nth, self.harm.word())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split(':').collect();
        let [operation, syscall, nth, harm] = parts[..] else {
            return Err(format!("{text:?}: OPERATION:SYSCALL:NTH:HARM was expected"));
        };
        let harms = [Harm::Kill, Harm::Cut, Harm::Unsynced, Harm::Full];
        Ok(Self {
            operation: Operation::find(operation)?,
            syscall: syscall.to_owned(),
            nth: nth.parse().map_err(|_| format!("{nth:?} is no number"))?,
            harm: harms
                .into_iter()
                .find(|h| h.word() == harm)
                .ok_or_else(|| format!("{harm:?} is no harm"))?,
        })
    }
}

/// What one run of the sweep is to do.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    shares: Vec<(Operation, usize)>,
    harms: [Harm; 2],
    only: Option<Point>,
}

impl Plan {
    /// Kills: forty, or as the environment asks.
    pub(crate) fn of_kills() -> Self {
        let points = number("HEARTHKEY_SWEEP_POINTS").unwrap_or(USUAL_CUTS);
        Self::new(points, 40, Operation::share, [Harm::Kill, Harm::Cut])
    }

    /// Faults of the disk: eight, or as the environment asks.
    pub(crate) fn of_faults() -> Self {
        let points = number("HEARTHKEY_SWEEP_FAULTS").unwrap_or(USUAL_FAULTS);
        Self::new(points, 8, Operation::share_of_faults, [Harm::Unsynced, Harm::Full])
    }

    fn new(points: usize, of: usize, share: fn(Operation) -> usize, harms: [Harm; 2]) -> Self {
        let only = world::variable("HEARTHKEY_SWEEP_ONLY").map(|text| text.parse::<Point>());
        let only = only.map(|point| point.unwrap_or_else(|error| panic!("HEARTHKEY_SWEEP_ONLY: {error}")));
        let seed = number("HEARTHKEY_SWEEP_SEED").map_or(USUAL_SEED, |seed| seed as u64);
        let alone = world::variable("HEARTHKEY_SWEEP_OPERATION");
        let alone = alone.map(|word| Operation::find(&word).unwrap_or_else(|error| panic!("{error}")));
        let shares = match (&only, alone) {
            (Some(point), _) if harms.contains(&point.harm) => vec![(point.operation, 1)],
            (Some(_), _) => vec![],
            (None, Some(alone)) if share(alone) > 0 => vec![(alone, points)],
            (None, Some(_)) => vec![],
            (None, None) => Operation::ALL.map(|one| (one, (points * share(one)).div_ceil(of))).into(),
        };
        Self { seed, shares, harms, only }
    }

    /// The operations to hurt.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation> {
        self.shares.iter().filter(|(_, share)| *share > 0).map(|(operation, _)| *operation)
    }

    /// The points of an operation, of which `calls` says how often one thread makes each call in it.
    pub(crate) fn points(&self, operation: Operation, calls: &BTreeMap<String, u32>) -> Vec<Point> {
        if let Some(point) = &self.only {
            return vec![point.clone()];
        }
        let share = self.shares.iter().find(|(known, _)| *known == operation).map_or(0, |(_, share)| *share);
        let mut dice =
            Dice(self.seed ^ u64::from(operation.word().bytes().map(u32::from).sum::<u32>()) << 32);
        let mut kinds = self.harms.map(|harm| {
            let fitting = calls.iter().filter(|(syscall, _)| harm.applies_to(syscall));
            let all = fitting.flat_map(|(syscall, count)| (1..=*count).map(move |nth| (syscall, nth)));
            all.map(|(syscall, nth)| Point { operation, syscall: syscall.clone(), nth, harm })
                .collect::<Vec<_>>()
        });
        assert!(
            share == 0 || kinds.iter().all(|points| !points.is_empty()),
            "{} makes no call that could be hurt",
            operation.word()
        );
        let mut chosen: Vec<Point> = vec![];
        // More than there are: timing differs from time to time, so that the same point is another place.
        while chosen.len() < share {
            kinds.iter_mut().for_each(|points| dice.shuffle(points));
            let first = usize::from(dice.roll(2) == 0);
            let [one, other] = [&kinds[first], &kinds[1 - first]];
            let turns = one.iter().zip(other).flat_map(|(one, other)| [one, other]);
            chosen.extend(turns.take(share - chosen.len()).cloned());
        }
        chosen
    }
}

fn number(variable: &str) -> Option<usize> {
    let text = world::variable(variable)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")))
}

/// A source of numbers that a seed repeats (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % (sides as u64)).unwrap_or_default()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last + 1));
        }
    }
}

#[test]
fn a_point_is_written_as_it_is_read() {
    for text in ["rotate:pwrite64:7:kill", "export-file:fsync:1:cut", "connect:pwrite64:3:full"] {
        assert_eq!(text.parse::<Point>().map(|point| point.to_string()), Ok(text.to_owned()));
    }
    assert!("rotate:pwrite64:7".parse::<Point>().is_err());
    assert!("rotate:pwrite64:x:kill".parse::<Point>().is_err());
}

#[test]
fn a_seed_repeats_its_points_and_takes_none_twice_while_there_are_others() {
    let calls = BTreeMap::from([("pwrite64".to_owned(), 30), ("fsync".to_owned(), 3)]);
    let plan = |seed| Plan {
        seed,
        shares: vec![(Operation::Rotate, 40)],
        harms: [Harm::Kill, Harm::Cut],
        only: None,
    };
    let chosen = plan(1).points(Operation::Rotate, &calls);
    assert_eq!(chosen, plan(1).points(Operation::Rotate, &calls));
    assert_ne!(chosen, plan(2).points(Operation::Rotate, &calls));
    let distinct: std::collections::BTreeSet<_> = chosen.iter().collect();
    assert_eq!((chosen.len(), distinct.len()), (40, 40));
}
