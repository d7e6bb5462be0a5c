//! Another user of the same computer, at the door of a profile.

use crate::process::{OTHER, Program, USER};
use hearthkey_platform::{
    profile::{OwnerKind, Profile, ProfileError, ProfileLock},
    socket::{LocalListener, connect},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

const DENIED: &str = "permission denied";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What `user` gets when it reads these files.
fn read(program: &Program, user: u32, paths: &[PathBuf]) -> Vec<String> {
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    let said = program.says(user, &["open"].into_iter().chain(paths.clone()).collect::<Vec<_>>(), "");
    said.iter().zip(paths).map(|(line, path)| line.strip_prefix(path).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_live_profile_opens_to_another_user() {
    let Some(program) = Program::for_all_users() else { return };
    let profile = Profile::open(program.dir().join("profile")).unwrap();
    let _lock = ProfileLock::try_acquire(&profile, OwnerKind::Serve).unwrap().unwrap();
    let listener = LocalListener::bind(&profile.socket()).unwrap();
    // What others write into it, as careless as can be.
    for file in ["vault.db", "vault.db-wal", "serve.log", "sandbox.json"] {
        fs::write(profile.dir().join(file), "precious").unwrap();
        mode(&profile.dir().join(file), 0o666);
    }
    let entries = fs::read_dir(profile.dir()).unwrap();
    let files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).chain([profile.dir().to_owned()]).collect();
    assert_eq!(files.len(), 8, "{files:?}");

    // What is beside it can be read: it is the directory that closes it.
    fs::write(program.dir().join("beside"), "open").unwrap();
    assert_eq!(read(&program, USER, &[program.dir().join("beside")]), [": open"]);
    assert_eq!(read(&program, USER, &files), vec![format!(": {DENIED}"); files.len()]);
    let socket = profile.socket();
    let calls = ["connect", socket.to_str().unwrap()];
    let refused = [format!("connected: {DENIED}"), format!("trusted: {DENIED}")];
    assert_eq!(program.says(USER, &calls, ""), refused);
    let dir = profile.dir().to_str().unwrap();
    assert_eq!(program.says(USER, &["profile", dir], ""), [format!("{dir} belongs to another user")]);

    // Its own files and its socket are closed even in a directory that somebody has opened.
    mode(profile.dir(), 0o755);
    for own in ["lock", "owner.json"] {
        assert_eq!(read(&program, USER, &[profile.dir().join(own)]), [format!(": {DENIED}")], "{own}");
    }
    assert_eq!(program.says(USER, &calls, ""), refused);
    assert!(matches!(Profile::open(profile.dir()), Err(ProfileError::Exposed { .. })));

    // And its owner was never disturbed.
    let (served, called) = tokio::join!(listener.accept(), connect(&socket));
    assert_eq!(served.unwrap().1.pid, Some(std::process::id()));
    called.unwrap();
}

#[test]
fn a_planted_profile_is_refused_whoever_owns_what_it_leads_to() {
    let Some(program) = Program::for_all_users() else { return };
    // A directory as `/tmp` is one.
    let shared = program.dir().join("shared");
    fs::create_dir(&shared).unwrap();
    mode(&shared, 0o1777);
    let make = |name: &str, owner: u32| {
        let dir = shared.join(name);
        fs::create_dir(&dir).unwrap();
        mode(&dir, 0o700);
        chown(&dir, Some(owner), Some(owner)).unwrap();
        dir
    };
    let (own, foreign) = (make("own", USER), make("foreign", OTHER));
    let plant = |name: &str, target: &Path| {
        let link = shared.join(name);
        symlink(target, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(OTHER), Some(OTHER)).unwrap();
        link
    };
    let opened = |path: &Path| program.says(USER, &["profile", path.to_str().unwrap()], "").remove(0);
    assert_eq!(opened(&own), "opened");
    assert_eq!(opened(&foreign), format!("{} belongs to another user", foreign.display()));
    let nowhere = shared.join("nowhere");
    for (name, target) in [("to own", &own), ("to foreign", &foreign), ("to nothing", &nowhere)] {
        let link = plant(name, target);
        let refused = format!("{} is not a directory (links are not followed)", link.display());
        assert_eq!(opened(&link), refused);
        // These ends would have the system follow it.
        for end in ["/", "//", "/.", "/./"] {
            assert_eq!(opened(&PathBuf::from(format!("{}{end}", link.display()))), refused, "{name}{end}");
        }
    }
    assert!(!nowhere.exists());
}

#[test]
fn what_a_prepared_process_makes_is_its_users_alone() {
    let Some(program) = Program::for_all_users() else { return };
    for (how, modes) in [("plain", [0o644, 0o755]), ("init", [0o600, 0o700])] {
        let place = tempfile::tempdir().unwrap();
        chown(place.path(), Some(USER), Some(USER)).unwrap();
        let made = [place.path().join("file"), place.path().join("dir")];
        let [file, dir] = made.each_ref().map(|path| path.to_str().unwrap());
        program.says(USER, &["make", how, file, dir], "");
        assert_eq!(made.map(|path| fs::metadata(path).unwrap().mode() & 0o777), modes, "{how}");
    }
}
