//! The profile directory and its lock.

use hearthkey_platform::profile::{OwnerKind, Profile, ProfileLock};
use std::time::Duration;

fn profile() -> (tempfile::TempDir, Profile) {
    let place = tempfile::tempdir().unwrap();
    let profile = Profile::open(place.path().join("a").join("profile")).unwrap();
    (place, profile)
}

#[test]
fn the_default_directory_is_the_users_own() {
    let dir = Profile::default_dir().unwrap();
    assert!(dir.is_absolute());
    assert!(dir.to_string_lossy().to_lowercase().contains("hearthkey"), "{}", dir.display());
}

#[cfg(unix)]
mod unix {
    use super::*;
    use hearthkey_platform::profile::ProfileError;
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    };

    #[test]
    fn a_new_profile_is_for_its_owner_only() {
        let (_place, profile) = profile();
        let _lock = ProfileLock::try_acquire(&profile, OwnerKind::Serve).unwrap();
        assert_eq!(fs::metadata(profile.dir()).unwrap().mode() & 0o777, 0o700);
        for file in ["lock", "owner.json"] {
            let mode = fs::metadata(profile.dir().join(file)).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert_eq!(Profile::open(profile.dir()).unwrap(), profile);
    }

    #[test]
    fn what_others_can_enter_is_refused_with_the_way_out() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("my profile");
        fs::create_dir(&dir).unwrap();
        for mode in [0o755, 0o750, 0o701, 0o770] {
            fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
            let error = Profile::open(&dir).unwrap_err();
            assert!(matches!(error, ProfileError::Exposed { .. }), "{mode:o}: {error}");
            assert!(error.to_string().ends_with(&format!("chmod 700 '{}'", dir.display())), "{error}");
        }
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        Profile::open(&dir).unwrap();
    }

    #[test]
    fn links_and_files_are_refused() {
        let (place, profile) = profile();
        let link = place.path().join("link");
        symlink(profile.dir(), &link).unwrap();
        let dangling = place.path().join("dangling");
        symlink(place.path().join("nowhere"), &dangling).unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [link, dangling, file] {
            let answer = Profile::open(&path);
            assert!(
                matches!(answer, Err(ProfileError::NotADirectory { .. })),
                "{}: {answer:?}",
                path.display()
            );
        }
        assert!(!place.path().join("nowhere").exists());
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let (_place, profile) = profile();
        // Only root can give a directory away; elsewhere there is nothing to try.
        if std::os::unix::fs::chown(profile.dir(), Some(65534), None).is_ok() {
            let answer = Profile::open(profile.dir());
            assert!(matches!(answer, Err(ProfileError::Foreign { .. })), "{answer:?}");
        }
    }
}

#[test]
fn one_owner_at_a_time() {
    let (_place, profile) = profile();
    assert_eq!(profile.owner(), None);
    let lock = ProfileLock::try_acquire(&profile, OwnerKind::Desktop).unwrap().unwrap();
    let note = profile.owner().unwrap();
    assert_eq!((note.pid, note.kind), (std::process::id(), OwnerKind::Desktop));
    assert_eq!(note.version, env!("CARGO_PKG_VERSION"));

    assert!(ProfileLock::try_acquire(&profile, OwnerKind::Serve).unwrap().is_none());
    assert_eq!(profile.owner(), Some(note), "the loser writes no note");

    drop(lock);
    assert_eq!(profile.owner(), None);
    let next = ProfileLock::try_acquire(&profile, OwnerKind::Serve).unwrap();
    assert!(next.is_some());
    assert_eq!(profile.owner().unwrap().kind, OwnerKind::Serve);
}

#[tokio::test(start_paused = true)]
async fn the_lock_is_waited_for() {
    let (_place, profile) = profile();
    let lock = ProfileLock::try_acquire(&profile, OwnerKind::Serve).unwrap();
    let wait = |patience| ProfileLock::acquire_within(&profile, OwnerKind::Desktop, patience);
    assert!(wait(Duration::from_secs(1)).await.unwrap().is_none());
    let waiting = async {
        let got = wait(Duration::from_secs(5)).await.unwrap();
        assert!(got.is_some());
    };
    tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        drop(lock);
    });
}
