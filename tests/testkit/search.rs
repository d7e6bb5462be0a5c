//! Looking for what must not be there: in output, in files, in what other processes see of a process.

use crate::Home;
use std::fs;
use std::path::Path;

/// The forms in which the sandbox's tokens and codes could be written down: plain, as UTF-16, in base64 and in hex.
#[must_use]
pub fn sandbox_secrets() -> Vec<Vec<u8>> {
    ["sbx_at_", "sbx_rt_", "sbx_code_"].into_iter().flat_map(disguises).collect()
}

/// The forms in which `text` could be written down.
#[must_use]
pub fn disguises(text: &str) -> Vec<Vec<u8>> {
    let plain = text.as_bytes();
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex = plain.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut forms = vec![plain.to_vec(), utf16, hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    // In base64 it depends on what stands before: three cases, each without the characters that share bits with others.
    forms.extend((0..3).map(|before| {
        let encoded = base64(&[&vec![0; before], plain].concat());
        let bits = (before + plain.len()) * 8;
        encoded[(before * 8).div_ceil(6)..bits / 6].to_vec()
    }));
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
    let letter = |bits: &[bool]| {
        let value =
            (0..6).fold(0, |value, at| value << 1 | usize::from(bits.get(at).copied().unwrap_or(false)));
        LETTERS[value]
    };
    bits.chunks(6).map(letter).collect()
}

/// Whether `bytes` holds one of `needles`.
#[must_use]
pub fn holds(bytes: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == needle.as_slice()))
}

/// The files below `dir` that hold one of `needles`, or have one in their name. Sockets and the like are passed over.
#[must_use]
pub fn files_with(dir: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(files_with(&path, needles));
        } else if holds(path.as_os_str().as_encoded_bytes(), needles)
            || (kind.is_file() && holds(&fs::read(&path).unwrap_or_default(), needles))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// What other programs of the same user see of a process: its arguments and its environment.
#[must_use]
pub fn seen_from_outside(pid: u32) -> Vec<u8> {
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    [read("cmdline"), vec![0], read("environ")].concat()
}

impl Home {
    /// The files of this home that hold one of `needles`.
    #[must_use]
    pub fn files_with(&self, needles: &[Vec<u8>]) -> Vec<String> {
        files_with(self.path(), needles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguise_is_seen_through() {
        let needles = disguises("sbx_at_");
        for (text, is_there) in [
            ("Bearer sbx_at_abc", true),
            // printf 'a sbx_at_1' | base64, and with one and two letters more before it
            ("YSBzYnhfYXRfMQ==", true),
            ("YWEgc2J4X2F0XzE=", true),
            ("YWFhIHNieF9hdF8x", true),
            ("7362785f61745f", true),
            ("sbx at", false),
        ] {
            assert_eq!(holds(text.as_bytes(), &needles), is_there, "{text}");
        }
    }
}
