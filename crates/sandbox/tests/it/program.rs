use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A running program, stopped with the test.
struct Program {
    child: Child,
    base_url: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearthkey-sandbox"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(arguments: &[&str]) -> Program {
    let mut child = command(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base_url = line.trim().strip_prefix("hearthkey-sandbox listening on ").expect(&line).to_owned();
    Program { child, base_url }
}

fn refused(arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

async fn get(url: String) -> (u16, String) {
    let client = crate::visitor::client(reqwest::redirect::Policy::default());
    let response = client.get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn it_answers_from_its_ready_line_on_and_ends_with_its_stdin() {
    let mut program = start(&["--port", "0", "--exit-with-stdin"]);
    assert!(program.base_url.starts_with("http://127.0.0.1:"));
    let (status, text) = get(format!("{}/_sandbox/health", program.base_url)).await;
    assert!(status == 200 && text.contains(&program.base_url), "{text}");
    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn it_stops_in_order_when_told_to() {
    for signal in ["-TERM", "-INT"] {
        let mut program = start(&["--port", "0"]);
        let sent = Command::new("kill").args([signal, &program.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(program.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let program = start(&["--port", "0"]);
    let port = program.base_url.rsplit_once(':').unwrap().1;
    let message = refused(&["--port", port]);
    assert!(message.contains(&format!("port {port} on 127.0.0.1 is already in use")), "{message}");
    assert!(message.contains("--port"), "{message}");
}

#[tokio::test]
async fn faults_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.json");
    let name = file.to_str().unwrap();
    assert!(refused(&["--port", "0", "--faults", name]).contains("cannot read the faults file"));
    fs::write(&file, r#"[{"route": "/", "kind": "explode"}]"#).unwrap();
    assert!(refused(&["--port", "0", "--faults", name]).contains("is not a list of faults"));
    fs::write(&file, r#"[{"route": "/", "kind": {"status": {"status": 418}}}]"#).unwrap();
    let program = start(&["--port", "0", "--faults", name]);
    assert_eq!(get(format!("{}/", program.base_url)).await.0, 418);
}

#[test]
fn help_shows_examples() {
    let mut child = command(&["--help"]).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    for part in ["Examples:", "--state-file", "--access-token-seconds", "--auto-approve", "--exit-with-stdin"]
    {
        assert!(text.contains(part), "{part}");
    }
}
