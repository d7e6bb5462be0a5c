//! The local socket of a profile.

use hearthkey_platform::{
    profile::Profile,
    socket::{LocalListener, connect},
};
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn roundtrip(path: &Path) {
    let listener = LocalListener::bind(path).unwrap();
    let served = async {
        let (mut stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.pid, Some(std::process::id()));
        if cfg!(target_os = "linux") {
            let program = std::env::current_exe().unwrap();
            let name = program.file_name().unwrap().to_string_lossy();
            assert_eq!(peer.program.as_deref(), Some(&*name));
        }
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"ping");
        stream.write_all(b"pong").await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let asked = async {
        let mut stream = connect(path).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"pong");
    };
    tokio::join!(served, asked);
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let place = tempfile::tempdir().unwrap();
    let profile = Profile::open(place.path().join("p")).unwrap();
    roundtrip(&profile.socket()).await;
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::{
        fs, io,
        os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    };

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_goes_with_its_listener() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let listener = LocalListener::bind(&path).unwrap();
        let made = fs::symlink_metadata(&path).unwrap();
        assert!(made.file_type().is_socket());
        assert_eq!(made.mode() & 0o777, 0o600);
        drop(listener);
        assert!(!path.exists());
        let error = connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_anything_else_is_not() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(connect(&path).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        roundtrip(&path).await;

        fs::write(&path, "precious").unwrap();
        let error = LocalListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_served_elsewhere() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        roundtrip(&deep.join("socket")).await;

        // Another spelling of the same directory is the same socket; another directory is not.
        let _listener = LocalListener::bind(&deep.join("socket")).unwrap();
        connect(&deep.join(".").join("socket")).await.unwrap();
        let other = place.path().join("e".repeat(120));
        fs::create_dir(&other).unwrap();
        assert!(connect(&other.join("socket")).await.is_err());
        assert!(!deep.join("socket").exists());
    }

    #[tokio::test]
    async fn another_user_gets_no_word() {
        // Only root can be two users.
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let listener = LocalListener::bind(&path).unwrap();
        // What keeps others out first is taken away: the mode of directory and socket.
        let open_to_all = || fs::Permissions::from_mode(0o777);
        fs::set_permissions(place.path(), open_to_all()).unwrap();
        fs::set_permissions(&path, open_to_all()).unwrap();
        let script =
            r#"$s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 3; print "connected\n"; print <$s>"#;
        let mut other = tokio::process::Command::new("perl");
        other.args(["-MIO::Socket::UNIX", "-e", script]).arg(&path).uid(65534).gid(65534);
        let refused = async {
            let said = other.output().await.unwrap();
            // By now the other user has come and gone; this is the first connection that is accepted.
            let _own = connect(&path).await.unwrap();
            said
        };
        let greeted = async {
            let (mut stream, peer) = listener.accept().await.unwrap();
            // It may be gone already.
            let _ = stream.write_all(b"hello").await;
            peer
        };
        let (said, peer) = tokio::join!(refused, greeted);
        assert_eq!(String::from_utf8_lossy(&said.stdout), "connected\n");
        assert_eq!(peer.pid, Some(std::process::id()));
    }
}
