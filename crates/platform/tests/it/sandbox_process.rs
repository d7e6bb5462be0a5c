//! The child process, by a shell script that stands in for the sandbox.

use hearthkey_domain::ports::SandboxHost;
use hearthkey_platform::sandbox_process::SandboxProcess;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use url::Url;

/// Another process writes the script: a file that this one has open for writing could be inherited by a child of another
/// test, and then it does not run ("text file busy").
fn script(place: &Path, text: &str) -> PathBuf {
    let path = place.join("stand-in");
    let script = format!("#!/bin/sh\ncd '{}'\n{text}\n", place.display());
    let written = std::process::Command::new("sh")
        .args(["-c", r#"printf %s "$1" > "$0" && chmod 700 "$0""#])
        .arg(&path)
        .arg(script)
        .status()
        .unwrap();
    assert!(written.success());
    path
}

/// An address that nothing answers at.
async fn free() -> Url {
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    Url::parse(&format!("http://{at}/")).unwrap()
}

#[tokio::test]
async fn it_is_started_once_and_ends_with_its_owner() {
    let place = tempfile::tempdir().unwrap();
    let base = free().await;
    let port = base.port().unwrap();
    // It notes its start, waits until somebody answers at the address, says that it is ready, and stays.
    let program = script(
        place.path(),
        r#"echo "$@" >> started; echo $$ > pid; echo noise; while [ ! -e go ]; do :; done
echo "hearthkey-sandbox listening on http://127.0.0.1:$2"; exec cat > /dev/null"#,
    );
    let sandbox = SandboxProcess::new(place.path().join("sandbox.json")).with_program(program);
    // The second call waits for the first, and then finds an answer at the address.
    let health = async {
        while !place.path().join("started").exists() {
            tokio::task::yield_now().await;
        }
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        fs::write(place.path().join("go"), "").unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /_sandbox/health HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    };
    tokio::select! {
        () = health => unreachable!("it answers for ever"),
        (one, two) = async { tokio::join!(sandbox.ensure_running(&base), sandbox.ensure_running(&base)) } => {
            assert_eq!((one, two), (Ok(()), Ok(())));
        }
    }
    let started = fs::read_to_string(place.path().join("started")).unwrap();
    assert_eq!(
        started,
        format!(
            "--port {port} --state-file {} --exit-with-stdin\n",
            place.path().join("sandbox.json").display()
        )
    );

    let pid = fs::read_to_string(place.path().join("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::test_kill_process(pid).unwrap();
    drop(sandbox);
    // It is gone once this runtime has collected it.
    while rustix::process::test_kill_process(pid).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let place = tempfile::tempdir().unwrap();
    let base = free().await;
    let sandbox = |program| SandboxProcess::new(place.path().join("sandbox.json")).with_program(program);

    let missing = sandbox(place.path().join("missing")).ensure_running(&base).await;
    assert!(
        missing
            .unwrap_err()
            .starts_with("The sandbox (hearthkey-sandbox) is not installed beside this program.")
    );
    let failing = script(place.path(), "echo ignored >&2; echo 'the port is taken' >&2; exit 1");
    assert_eq!(
        sandbox(failing).ensure_running(&base).await.unwrap_err(),
        "The sandbox ended at once: the port is taken"
    );
}

#[tokio::test]
async fn only_this_machine_is_a_place_for_it() {
    let sandbox = SandboxProcess::new(PathBuf::from("/nonexistent"));
    for base in ["https://127.0.0.1:47100/", "http://localhost:47100/", "http://example.com/"] {
        let answer = sandbox.ensure_running(&Url::parse(base).unwrap()).await;
        assert_eq!(answer.unwrap_err(), "The sandbox runs on this machine only (http://127.0.0.1).");
    }
}
