//! A secret that is asked for while something else goes on: the question can be left unanswered.

use std::io;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// Lines that a person types unseen, or that are on standard input, as they come.
pub(crate) struct Lines {
    lines: mpsc::Receiver<io::Result<Zeroizing<String>>>,
    /// Asks for one more.
    wanted: std::sync::mpsc::Sender<()>,
    _echo: Echo,
}

impl Lines {
    /// Begins to ask. A thread reads: a terminal cannot be asked to stop reading, and the program ends without waiting for it.
    pub(crate) fn begin(question: String) -> Self {
        let echo = Echo::remember();
        let (sender, lines) = mpsc::channel(1);
        let (wanted, asked) = std::sync::mpsc::channel();
        let interactive = crate::secrets::is_interactive();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                let line = if interactive { prompt(&question) } else { line_of_input() };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, wanted, _echo: echo }
    }

    /// The next line; empty when there is none.
    pub(crate) async fn next(&mut self) -> io::Result<Zeroizing<String>> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        self.wanted.send(()).map_err(|_| gone())?;
        self.lines.recv().await.ok_or_else(gone)?
    }
}

fn prompt(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(format!("{question}: ")).map(Zeroizing::new)
}

fn line_of_input() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(16 * 1024));
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// Puts the terminal back as it was found: whoever is left waiting at a question does not.
struct Echo {
    #[cfg(unix)]
    found: Option<(std::fs::File, rustix::termios::Termios)>,
}

impl Echo {
    #[cfg(unix)]
    fn remember() -> Self {
        let terminal = std::fs::File::open("/dev/tty").ok();
        let found = terminal.and_then(|file| {
            let how = rustix::termios::tcgetattr(&file).ok()?;
            Some((file, how))
        });
        Self { found }
    }

    #[cfg(not(unix))]
    fn remember() -> Self {
        Self {}
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some((file, how)) = &self.found {
            let _ = rustix::termios::tcsetattr(file, rustix::termios::OptionalActions::Now, how);
        }
    }
}
