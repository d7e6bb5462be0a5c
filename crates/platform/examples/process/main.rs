//! A process that others look into, and one that does: `process VERB …`. The tests run it, also as other users.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    linux::run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
}

#[cfg(not(target_os = "linux"))]
fn main() {}
