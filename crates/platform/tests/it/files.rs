//! Files outside the profile.

use hearthkey_domain::{
    ports::{FileError, Files as _},
    secret::Secret,
};
use hearthkey_platform::files::DiskFiles;
use std::{fs, path::Path, sync::Arc};

async fn write(path: &Path, content: &str) -> Result<(), FileError> {
    DiskFiles::default().write_new(path.to_str().unwrap(), Secret::new(content)).await
}

fn reason(answer: Result<(), FileError>) -> String {
    match answer {
        Err(FileError::Failed { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_new_file_is_whole_and_alone() {
    let place = tempfile::tempdir().unwrap();
    for (name, content) in [("kit.txt", "AGE-SECRET-KEY-1…\n"), ("empty", ""), (&"n".repeat(255), "long")] {
        let path = place.path().join(name);
        assert_eq!(write(&path, content).await, Ok(()));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(names(place.path()).len(), 3);
    let large = "0123456789abcdef".repeat(1 << 18);
    write(&place.path().join("large"), &large).await.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("large")).unwrap(), large);
}

#[tokio::test]
async fn what_is_there_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (file, dir) = (place.path().join("file"), place.path().join("dir"));
    fs::write(&file, "precious").unwrap();
    fs::create_dir(&dir).unwrap();
    let mut taken = vec![file.clone(), dir];
    #[cfg(unix)]
    for target in ["file", "nowhere"] {
        let link = place.path().join(format!("link to {target}"));
        std::os::unix::fs::symlink(place.path().join(target), &link).unwrap();
        taken.push(link);
    }
    for path in &taken {
        let exists = FileError::Exists { path: path.to_str().unwrap().to_owned() };
        assert_eq!(write(path, "new").await, Err(exists));
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
    assert_eq!(names(place.path()).len(), taken.len());
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let relative = "the path does not begin at the root";
    for (path, why) in [
        (Path::new("kit.txt"), relative),
        (Path::new("./kit.txt"), relative),
        (Path::new("~/kit.txt"), relative),
        (Path::new(""), relative),
        (&place.path().join("missing").join("kit.txt"), "there is no such directory"),
        (&file.join("kit.txt"), "its directory is a file"),
        (&place.path().join("dir").join(".."), "the path names no file"),
    ] {
        assert_eq!(reason(write(path, "content").await), why, "{}", path.display());
    }
    assert!(!reason(write(&place.path().join("nul\0"), "content").await).is_empty());
    assert!(!reason(write(&place.path().join("n".repeat(256)), "content").await).is_empty());
    assert_eq!(names(place.path()), ["file"]);
    assert!(!Path::new("kit.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_the_name() {
    let place = tempfile::tempdir().unwrap();
    let path = Arc::new(place.path().join("kit.txt"));
    let writers: Vec<_> = (0..20)
        .map(|number| {
            let path = Arc::clone(&path);
            tokio::spawn(async move { (number, write(&path, &number.to_string().repeat(1000)).await) })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (number, Ok(())) => winners.push(number),
            (_, answer) => assert!(matches!(answer, Err(FileError::Exists { .. })), "{answer:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(fs::read_to_string(&*path).unwrap(), winners[0].to_string().repeat(1000));
    assert_eq!(names(place.path()), ["kit.txt"]);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::names;
    use crate::{
        keychain::session::example,
        process::{Program, Running, USER, skip},
    };
    use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

    /// A process that writes `kit.txt` in `place`, run by another program that does something to it.
    fn writing(place: &Path, runner: &[&str], milliseconds: &str) -> Option<Running> {
        let mut command = Command::new(runner[0]);
        command.args(&runner[1..]).arg(example("process")).args(["write", milliseconds]);
        Running::try_start(command.arg(place.join("kit.txt")), "content")
    }

    fn failed(place: &Path, why: &str) -> String {
        format!("{} could not be written: {why}", place.join("kit.txt").display())
    }

    #[test]
    fn it_is_for_its_owner_alone_whatever_the_umask() {
        let place = tempfile::tempdir().unwrap();
        let runner = ["sh", "-c", r#"umask 0 && exec "$0" "$@""#];
        let mut writing = writing(place.path(), &runner, "30000").unwrap();
        assert_eq!(writing.line(), "written");
        assert_eq!(fs::metadata(place.path().join("kit.txt")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_disk_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let runner = ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=4"];
        let mut writing = writing(place.path(), &runner, "30000").unwrap();
        assert_eq!(writing.line(), failed(place.path(), "file too large"));
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn another_users_directory_is_refused() {
        let Some(program) = Program::for_all_users() else { return };
        let path = program.dir().join("kit.txt");
        let said = program.says(USER, &["write", "30000", path.to_str().unwrap()], "content");
        assert_eq!(said, [failed(program.dir(), "permission denied"), "at rest".to_owned()]);
        assert_eq!(names(program.dir()), ["process"]);
    }

    #[test]
    fn it_is_durable_before_it_has_its_name_and_the_name_before_it_is_said() {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        let calls = "trace=openat,write,fsync,renameat2,link";
        let runner = ["strace", "-f", "-y", "-e", calls, "-o", log.to_str().unwrap()];
        let Some(mut writing) = writing(place.path(), &runner, "30000") else {
            return skip("there is no strace to look with");
        };
        assert_eq!(writing.line(), "written");
        drop(writing);
        let log = fs::read_to_string(log).unwrap();
        let at = |words: [&str; 2]| {
            let line = log.lines().position(|line| words.iter().all(|word| line.contains(word)));
            line.unwrap_or_else(|| panic!("{words:?} in {log}"))
        };
        let dir = format!("<{}>)", place.path().display());
        let order = [
            at(["O_EXCL", "0600"]),
            at(["write(", "content"]),
            at(["fsync(", ".part>)"]),
            at(["renameat2(", "RENAME_NOREPLACE"]),
            at(["fsync(", &dir]),
            at(["write(", "written"]),
        ];
        assert!(order.is_sorted(), "{order:?} in {log}");
    }

    #[test]
    fn one_that_comes_too_late_is_not_left_behind() {
        // Two seconds before it has its name, and after it has got it.
        for delayed in ["fsync:delay_enter=2000000:when=1", "renameat2:delay_exit=2000000"] {
            let place = tempfile::tempdir().unwrap();
            let inject = format!("inject={delayed}");
            let runner = ["strace", "-f", "-o", "/dev/null", "-e", &inject];
            let Some(mut writing) = writing(place.path(), &runner, "1000") else {
                return skip("there is no strace to delay with");
            };
            assert_eq!(writing.line(), failed(place.path(), "the disk does not answer"));
            assert_eq!(writing.line(), "at rest");
            assert_eq!(names(place.path()), [""; 0], "{delayed}");
        }
    }
}
