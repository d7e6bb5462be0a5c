//! A D-Bus session of a test's own: it starts no services, so what is on it was put there.

use crate::process::{Process, Stream};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A running bus. Dropping it ends it.
pub(crate) struct Bus {
    address: String,
    _daemon: Process,
}

impl Bus {
    /// Starts a bus whose files are in `runtime`; `home` is the environment it runs in.
    pub(crate) fn start(runtime: &Path, mut command: Command) -> Self {
        let socket = runtime.join("bus");
        let configuration = runtime.join("bus.conf");
        let document = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#,
            socket.display()
        );
        fs::write(&configuration, document).expect("the test's own folder can be written");
        command.args(["--nofork", "--print-address"]).arg("--config-file").arg(configuration);
        let daemon = Process::start(command);
        let address = daemon.line(Stream::Out, "its address", |line| Some(line.to_owned()));
        Self { address, _daemon: daemon }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
