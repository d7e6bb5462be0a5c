//! A disk that is really full: what can be done with the room kept aside, what is refused without it and in which words, and
//! that nothing is asked of a service whose answer could not be kept.

use crate::look;
use crate::owner::Answer;
use crate::tracer;
use crate::world::{RENEWED, World};
use hearthkey_tests::{Home, Output};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few MiB where a home's profile will be. Unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    fn at(profile: &Path) -> Self {
        fs::create_dir(profile).expect("the home can be written");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "none"]).arg(profile);
        assert!(mount.status().is_ok_and(|status| status.success()), "root may mount");
        Self(profile.to_owned())
    }

    /// Takes all room there is.
    fn fill(&self) {
        let filler = File::options().create(true).append(true).open(self.0.join("filler"));
        let mut filler = filler.expect("the disk can be written");
        for size in [64 * 1024, 4096, 1] {
            loop {
                match filler.write(&vec![0; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).expect("the filler is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, for an owner may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_no_token_is_burnt() {
    tracer::require();
    let home = Home::start();
    let disk = Disk::at(&home.profile());
    let mut world = World::in_home(home);
    world.connect("To go");
    world.connect("To go as well");
    disk.fill();

    // With the room kept aside.
    let listed = cli(&world, &["list"]).ok().stdout;
    assert!(listed.contains("To go as well"), "{listed}");
    let _ = cli(&world, &["request", "Lasting", "/api/profile"]).ok();
    let _ = cli(&world, &["disconnect", "To go", "--now"]).ok();
    world.there.remove("To go");
    assert!(
        !world
            .talk
            .call(&hearthkey_api::operations::connections::Show { connection: "To go".into() })
            .is_done()
    );

    // Without.
    exhaust(&world, &disk);
    let renamed = cli(&world, &["rename", "Lasting", "Renamed"]).with_code(1);
    assert!(
        renamed.stderr.contains("full") && renamed.stderr.contains("Free some space"),
        "{}",
        renamed.stderr
    );
    assert!(cli(&world, &["list"]).ok().stdout.contains("To go as well"));
    let _ = cli(&world, &["request", "Lasting", "/api/profile"]).ok();
    let checked = cli(&world, &["doctor"]).with_code(1).stdout;
    assert!(checked.contains("the room kept aside is used up"), "{checked}");

    // A renewal whose answer could not be kept is not begun.
    world.ending.control().clear_journal();
    world.ending.control().expire_access_tokens();
    let refused = cli(&world, &["request", RENEWED, "/api/profile"]);
    let asked = world.ending.control().token_requests();
    let _ = cli(&world, &["lock"]).ok();
    assert!(matches!(world.request(None, "Lasting"), Answer::Refused(_)), "it is locked");

    // With room all is well: what was promised is there, what was refused is not.
    disk.clear();
    world.take_owner().kill();
    world.start().expect("an owner");
    let wrong = look::everything(&world);
    assert!(
        wrong.is_empty(),
        "{wrong:?}\nthe refusal was: {}\nand the token server was asked: {asked:?}",
        refused.stderr
    );
    assert_eq!(asked, [""; 0], "tokens were asked for that could not be stored");
    assert!(refused.stderr.contains("Free some space"), "{}", refused.stderr);
    assert_eq!(refused.code, 1);
}

/// Fills the disk until the room kept aside is gone as well.
fn exhaust(world: &World, disk: &Disk) {
    for _ in 0..20 {
        disk.fill();
        if !world.home.profile().join("vault.db.reserve").exists()
            && cli(world, &["rename", "Lasting", "Lasting"]).code != 0
        {
            disk.fill();
            return;
        }
    }
    panic!("the reserve does not go");
}

fn cli(world: &World, arguments: &[&str]) -> Output {
    world.home.cli(arguments)
}
