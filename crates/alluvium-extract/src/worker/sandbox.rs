//! What a worker does to itself before it reads anything from outside. What a kernel does not have is
//! left out and reported, never fatal: the resource limits are the part that must hold, and the pool
//! enforces its deadline from outside in any case.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::Limits;
use crate::protocol::Sandbox;

/// Files that a worker has open: its pipes and the counters below.
const OPEN_FILES: u64 = 16;

/// What the kernel counts of this process, readable after landlock has closed the file system.
pub(super) struct Counters {
    stat: File,
    status: File,
}

impl Counters {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { stat: File::open("/proc/self/stat")?, status: File::open("/proc/self/status")? })
    }

    /// CPU time used, in whole seconds, rounded up.
    fn cpu(&self) -> u64 {
        const TICKS_PER_SECOND: u64 = 100;
        let line = content(&self.stat);
        // The name in parentheses may hold anything; the fields after it are fixed.
        let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
        ticks.div_ceil(TICKS_PER_SECOND)
    }

    /// Bytes of address space in use.
    fn mapped(&self) -> Option<u64> {
        let status = content(&self.status);
        let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

fn content(file: &File) -> String {
    let mut bytes = [0u8; 4096];
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()).into_owned()
}

/// Limits everything but memory and CPU time, which come later.
pub(super) fn harden(limits: &Limits) -> Sandbox {
    let mut sandbox = Sandbox::default();
    for (name, resource, value) in
        [("core", Resource::Core, 0), ("fsize", Resource::Fsize, 0), ("nofile", Resource::Nofile, OPEN_FILES)]
    {
        if set(resource, value, value) {
            sandbox.limits.push(format!("{name}={value}"));
        }
    }
    if set(Resource::Cpu, limits.cpu.as_secs().max(1) + 1, u64::MAX) {
        sandbox.limits.push(format!("cpu={}s", limits.cpu.as_secs().max(1)));
    }
    sandbox.no_new_privs = rustix::thread::set_no_new_privs(true).is_ok();
    sandbox.landlock = match deny_files_and_network() {
        Ok(RulesetStatus::FullyEnforced) => "full",
        Ok(RulesetStatus::PartiallyEnforced) => "partial",
        Ok(RulesetStatus::NotEnforced) | Err(_) => "none",
    }
    .to_owned();
    sandbox
}

/// Every access that landlock knows of is handled and none is granted.
fn deny_files_and_network() -> Result<RulesetStatus, landlock::RulesetError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .set_compatibility(CompatLevel::BestEffort);
    Ok(rules.restrict_self()?.ruleset)
}

/// Caps the address space at what is mapped now and `extra`.
pub(super) fn limit_memory(counters: &Counters, extra: u64) -> Option<String> {
    // A system without these figures still gets a cap, counted from a generous guess.
    const GUESS: u64 = 512 << 20;
    let bytes = counters.mapped().unwrap_or(GUESS).saturating_add(extra);
    set(Resource::As, bytes, bytes).then(|| format!("as={bytes}"))
}

/// Gives the process `budget` more CPU time: the limit counts from its start, and workers are reused.
pub(super) fn limit_cpu(counters: &Counters, budget: Duration) {
    set(Resource::Cpu, counters.cpu() + budget.as_secs().max(1), u64::MAX);
}

/// Lowers a limit as far as the hard one allows; `u64::MAX` leaves the hard one as it is.
fn set(resource: Resource, soft: u64, hard: u64) -> bool {
    let old = getrlimit(resource);
    let least = |new: u64| old.maximum.map_or(new, |max| max.min(new));
    let maximum = if hard == u64::MAX { old.maximum } else { Some(least(hard)) };
    setrlimit(resource, Rlimit { current: Some(least(soft)), maximum }).is_ok()
}
