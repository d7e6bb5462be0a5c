//! What the process does.

use hearthkey_domain::{ports::Files as _, secret::Secret};
use hearthkey_platform::{
    environment::current_program_dir,
    files::DiskFiles,
    harden_owner, init,
    profile::Profile,
    socket::{LocalListener, connect},
};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
    time::Duration,
};

pub(super) async fn run(arguments: &[&str]) -> io::Result<()> {
    match arguments {
        // Takes a secret from standard input, and keeps it until that ends: without any care, as a client, as an owner.
        ["plain"] => hold(),
        ["client"] => {
            init();
            hold()
        }
        ["owner"] => {
            init();
            harden_owner()?;
            hold()
        }
        // An owner that starts another program.
        ["starter"] => {
            init();
            harden_owner()?;
            let program = std::env::current_exe()?;
            Command::new(program).arg("plain").status().map(drop)
        }
        // Takes a secret in hexadecimal digits, and keeps it or frees it.
        ["keep"] => {
            let secret = decode(&line()?);
            ready()?;
            rest(&secret)
        }
        ["free"] => {
            drop(decode(&line()?));
            ready()?;
            rest(&[])
        }
        // Panics with what standard input says, with and without `init`.
        ["panic", how] => {
            if *how == "init" {
                init();
            }
            let secret = line()?;
            let _ = std::thread::Builder::new()
                .name("named".to_owned())
                .spawn(move || panic!("{secret}"))?
                .join();
            Ok(())
        }
        // Tries what one process can see of another, and finds the words of standard input in its memory.
        ["pry", pid] => pry(Path::new("/proc").join(pid).as_path(), line()?.as_bytes()),
        // Makes a file and a directory as most systems would have it, with and without `init`.
        ["make", how, file, dir] => {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
            if *how == "init" {
                init();
            }
            File::create(file)?;
            fs::create_dir(dir)
        }
        // Opens a profile.
        ["profile", dir] => {
            let answer = Profile::open(*dir);
            writeln!(
                io::stdout(),
                "{}",
                answer.map_or_else(|error| error.to_string(), |_| "opened".to_owned())
            )
        }
        // Tries to read files, and to connect to sockets.
        ["open", paths @ ..] => {
            for path in paths {
                say(path, File::open(path).and_then(|mut file| file.read(&mut [0])))?;
            }
            Ok(())
        }
        ["connect", path] => {
            say("connected", std::os::unix::net::UnixStream::connect(path))?;
            say("trusted", connect(Path::new(path)).await)
        }
        // Writes standard input to a new file, with so many milliseconds for it, and says when no thread of it is left.
        ["write", milliseconds, path] => {
            let deadline = Duration::from_millis(milliseconds.parse().map_err(io::Error::other)?);
            let answer = DiskFiles::new(deadline).write_new(path, Secret::new(line()?)).await;
            writeln!(
                io::stdout(),
                "{}",
                answer.map_or_else(|error| error.to_string(), |()| "written".to_owned())
            )?;
            while has_thread("files")? {
                std::thread::yield_now();
            }
            writeln!(io::stdout(), "at rest")
        }
        // Serves one connection, as an owner, and says who it was and where itself is.
        ["serve", path] => {
            init();
            harden_owner()?;
            let listener = LocalListener::bind(Path::new(path))?;
            ready()?;
            let (_stream, peer) = listener.accept().await?;
            writeln!(io::stdout(), "{} in {:?}", peer.program.unwrap_or_default(), current_program_dir())
        }
        ["call", how, path] => {
            init();
            if *how == "owner" {
                harden_owner()?;
            }
            let _stream = connect(Path::new(path)).await?;
            rest(&[])
        }
        _ => Err(io::Error::other("no such verb")),
    }
}

/// One line of standard input, read without a buffer that would keep it.
fn line() -> io::Result<String> {
    let mut line = String::new();
    let mut byte = [0];
    while io::stdin().read(&mut byte)? == 1 && byte != *b"\n" {
        line.push(char::from(byte[0]));
    }
    Ok(line)
}

fn has_thread(name: &str) -> io::Result<bool> {
    let mut tasks = fs::read_dir("/proc/self/task")?.collect::<io::Result<Vec<_>>>()?.into_iter();
    Ok(tasks
        .any(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)))
}

fn decode(digits: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks_exact(2) {
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        bytes.push(value(pair[0]) << 4 | value(pair[1]));
    }
    bytes
}

fn hold() -> io::Result<()> {
    let secret = line()?;
    ready()?;
    rest(secret.as_bytes())
}

fn ready() -> io::Result<()> {
    writeln!(io::stdout(), "{}", std::process::id())
}

/// Stays until standard input ends.
fn rest(secret: &[u8]) -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    std::hint::black_box(secret);
    Ok(())
}

fn pry(process: &Path, words: &[u8]) -> io::Result<()> {
    for file in ["environ", "maps", "auxv"] {
        say(file, fs::read(process.join(file)))?;
    }
    for link in ["exe", "cwd", "root"] {
        say(link, fs::read_link(process.join(link)))?;
    }
    say("fd", fs::read_dir(process.join("fd")).and_then(|mut fds| fds.next().transpose()))?;
    let memory = File::open(process.join("mem"));
    let found = memory.as_ref().is_ok_and(|memory| finds(memory, process, words));
    say("mem", memory)?;
    writeln!(io::stdout(), "{}", if found { "found" } else { "not found" })
}

fn finds(memory: &File, process: &Path, words: &[u8]) -> bool {
    let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
    maps.lines().filter(|line| line.contains(" rw-p ")).any(|line| {
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
        let (from, to) = range.map_or((0, 0), |(from, to)| (number(from), number(to)));
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
        memory.read_exact_at(&mut bytes, from).is_ok() && bytes.windows(words.len()).any(|part| part == words)
    })
}

fn say<T>(what: &str, answer: io::Result<T>) -> io::Result<()> {
    let said = answer.map_or_else(|error| error.kind().to_string(), |_| "open".to_owned());
    writeln!(io::stdout(), "{what}: {said}")
}
