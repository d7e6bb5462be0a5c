//! Tauri's part of the build: which commands exist, which window may call them, and what is embedded.

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=ui/dist");
    // Without the pattern the build would pass with no capability at all; without the list of commands every local window
    // could call every command.
    let commands = &["read", "write", "watch", "unwatch", "blob"];
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(tauri_build::AppManifest::new().commands(commands));
    tauri_build::try_build(attributes).expect("tauri.conf.json and the capabilities are part of the source");
}
