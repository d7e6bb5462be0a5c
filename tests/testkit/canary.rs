//! Canaries: secrets that were planted, and a search that finds them however they are written down.
//!
//! Twelve ways: as they are, as UTF-16 of both orders, in base64 at its three offsets and in base64url, in hex of both cases,
//! percent-encoded, escaped for JSON, and any of these inside a gzip, zlib or deflate stream.

use std::collections::HashMap;
use std::fmt;

/// The most that is taken out of a compressed stream, in bytes.
const INFLATED_MAX: usize = 4 * 1024 * 1024;
/// The shortest form that is looked for: shorter ones are found by chance.
const SHORTEST: usize = 6;

/// A secret that must be found nowhere.
#[derive(Debug, Clone)]
pub struct Canary {
    /// What it is, for a person who reads a failure.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl Canary {
    /// A canary.
    #[must_use]
    pub fn new(name: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        Self { name: name.into(), content: content.as_ref().to_vec() }
    }
}

/// A canary that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which one.
    pub canary: String,
    /// How it was written.
    pub form: &'static str,
    /// Where in what was searched.
    pub at: usize,
    /// What stands there and around, with dots for what cannot be shown.
    pub around: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} at {:#x}: {}", self.canary, self.form, self.at, self.around)
    }
}

struct Needle {
    canary: usize,
    form: &'static str,
    bytes: Vec<u8>,
}

/// A search for some canaries, in one pass over what is searched.
pub struct Hunt {
    names: Vec<String>,
    needles: Vec<Needle>,
    /// Which pairs of bytes a needle begins with.
    pairs: Vec<bool>,
    by_start: HashMap<[u8; 4], Vec<usize>>,
}

impl Hunt {
    /// A search for these.
    #[must_use]
    pub fn new(canaries: &[Canary]) -> Self {
        let mut needles = vec![];
        for (canary, Canary { name, content }) in canaries.iter().enumerate() {
            assert!(content.len() >= SHORTEST, "{name} is too short to be looked for");
            needles.extend(forms(content).into_iter().map(|(form, bytes)| Needle { canary, form, bytes }));
        }
        let (mut pairs, mut by_start) = (vec![false; 1 << 16], HashMap::<_, Vec<_>>::new());
        for (number, Needle { bytes, .. }) in needles.iter().enumerate() {
            pairs[usize::from(bytes[0]) << 8 | usize::from(bytes[1])] = true;
            by_start.entry([bytes[0], bytes[1], bytes[2], bytes[3]]).or_default().push(number);
        }
        let names = canaries.iter().map(|canary| canary.name.clone()).collect();
        Self { names, needles, pairs, by_start }
    }

    /// Every canary in `bytes`, and in the compressed streams in it.
    #[must_use]
    pub fn search(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found = self.plain(bytes, None);
        for (at, content) in inflated(bytes) {
            found.extend(self.plain(&content, Some(at)));
        }
        found
    }

    fn plain(&self, bytes: &[u8], stream: Option<usize>) -> Vec<Found> {
        let mut found = vec![];
        for at in places(bytes, &self.pairs) {
            let rest = &bytes[at..];
            let numbers = rest.first_chunk::<4>().and_then(|start| self.by_start.get(start));
            for needle in numbers.into_iter().flatten().map(|number| &self.needles[*number]) {
                if rest.starts_with(&needle.bytes) {
                    found.push(Found {
                        canary: self.names[needle.canary].clone(),
                        form: if stream.is_some() { "compressed" } else { needle.form },
                        at: stream.unwrap_or(at),
                        around: around(bytes, at, needle.bytes.len()),
                    });
                }
            }
        }
        found
    }
}

/// Where one of these pairs of bytes stands. A plain loop: megabytes go through it, in a build that optimizes nothing.
fn places(bytes: &[u8], pairs: &[bool]) -> Vec<usize> {
    let (mut found, mut at) = (vec![], 1);
    while at < bytes.len() {
        if pairs[(bytes[at - 1] as usize) << 8 | bytes[at] as usize] {
            found.push(at - 1);
        }
        at += 1;
    }
    found
}

fn around(bytes: &[u8], at: usize, length: usize) -> String {
    let shown = &bytes[at.saturating_sub(48)..(at + length + 48).min(bytes.len())];
    shown.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
}

/// The ways a content can be written, apart from compression.
fn forms(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |digits: fn(u8) -> String| content.iter().map(|byte| digits(*byte)).collect::<String>();
    let mut forms = vec![
        ("itself", content.to_vec()),
        ("hex", hex(|byte| format!("{byte:02x}")).into_bytes()),
        ("HEX", hex(|byte| format!("{byte:02X}")).into_bytes()),
        ("percent-encoding", hex(|byte| format!("%{byte:02X}")).into_bytes()),
        ("percent-encoding", hex(|byte| format!("%{byte:02x}")).into_bytes()),
    ];
    for (form, last) in [("base64", b"+/"), ("base64url", b"-_")] {
        // What stands before moves the letters: three cases, each without those that share bits with others.
        forms.extend((0..3).map(|before| (form, base64(before, content, *last))));
    }
    if let Ok(text) = std::str::from_utf8(content) {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        forms.push(("UTF-16LE", utf16(u16::to_le_bytes)));
        forms.push(("UTF-16BE", utf16(u16::to_be_bytes)));
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        forms.push(("JSON", escaped.into_bytes()));
        let quoted = serde_json::to_string(text).unwrap_or_default();
        forms.push(("JSON", quoted.trim_matches('"').as_bytes().to_vec()));
        let in_form: String = url::form_urlencoded::byte_serialize(content).collect();
        forms.push(("percent-encoding", in_form.replace('+', "%20").into_bytes()));
        forms.push(("percent-encoding", in_form.into_bytes()));
    }
    forms.retain(|(_, bytes)| bytes.len() >= SHORTEST);
    forms.sort_by(|a, b| a.1.cmp(&b.1));
    forms.dedup_by(|a, b| a.1 == b.1);
    forms
}

fn base64(before: usize, content: &[u8], last: [u8; 2]) -> Vec<u8> {
    let letter = |value: u8| match value {
        0..26 => b'A' + value,
        26..52 => b'a' + value - 26,
        52..62 => b'0' + value - 52,
        other => last[usize::from(other - 62)],
    };
    let whole = [&vec![0; before], content].concat();
    let bits: Vec<u8> = whole.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let values = bits.chunks_exact(6).map(|bits| bits.iter().fold(0, |value, bit| value << 1 | bit));
    let letters: Vec<u8> = values.map(letter).collect();
    letters[(before * 8).div_ceil(6)..].to_vec()
}

/// What the compressed streams in `bytes` hold, with the place where each begins.
fn inflated(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    use miniz_oxide::inflate::{decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};
    let mut starts = vec![false; 1 << 16];
    for start in [0x1f8b, 0x7801, 0x785e, 0x789c, 0x78da] {
        starts[start] = true;
    }
    let mut streams = vec![];
    for at in places(bytes, &starts) {
        let rest = &bytes[at..];
        let content = match rest {
            // RFC 1952 section 2.3, without the optional parts of the header.
            [0x1f, 0x8b, 8, 0, ..] if rest.len() > 18 => {
                decompress_to_vec_with_limit(&rest[10..], INFLATED_MAX)
            }
            // RFC 1950 section 2.2.
            [0x78, ..] => decompress_to_vec_zlib_with_limit(rest, INFLATED_MAX),
            _ => continue,
        };
        // A stream that ends early, or is too long, has said something until then.
        let content = content.unwrap_or_else(|error| error.output);
        if content.len() >= SHORTEST {
            streams.push((at, content));
        }
    }
    streams
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "sk_live_\"Kanarienvogel\"/ö?";

    fn hunt() -> Hunt {
        Hunt::new(&[Canary::new("bird", TEXT), Canary::new("another", "0123456789abcdef")])
    }

    #[test]
    fn every_way_of_writing_is_seen_through() {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        // As Python writes it.
        for (form, written) in [
            ("itself", TEXT.as_bytes().to_vec()),
            ("UTF-16LE", utf16(u16::to_le_bytes)),
            ("UTF-16BE", utf16(u16::to_be_bytes)),
            ("base64", b"c2tfbGl2ZV8iS2FuYXJpZW52b2dlbCIvw7Y/".to_vec()),
            ("base64", b"YXNrX2xpdmVfIkthbmFyaWVudm9nZWwiL8O2Pw==".to_vec()),
            ("base64", b"YWFza19saXZlXyJLYW5hcmllbnZvZ2VsIi/Dtj8=".to_vec()),
            ("base64url", b"YWFza19saXZlXyJLYW5hcmllbnZvZ2VsIi_Dtj8=".to_vec()),
            ("hex", b"736b5f6c6976655f224b616e617269656e766f67656c222fc3b63f".to_vec()),
            ("HEX", b"736B5F6C6976655F224B616E617269656E766F67656C222FC3B63F".to_vec()),
            ("percent-encoding", b"sk_live_%22Kanarienvogel%22%2F%C3%B6%3F".to_vec()),
            ("JSON", "sk_live_\\\"Kanarienvogel\\\"/ö?".as_bytes().to_vec()),
        ] {
            let within = [b"a, ".as_slice(), &written, b" and more"].concat();
            let found = hunt().search(&within);
            assert!(
                found.iter().any(|found| found.form == form && found.canary == "bird"),
                "{form}: {found:?}"
            );
        }
        let compressed = miniz_oxide::deflate::compress_to_vec(format!("{TEXT} {TEXT} {TEXT}").as_bytes(), 6);
        let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let gzip = [b"before".as_slice(), &head, &compressed, &[0; 8]].concat();
        assert_eq!(hunt().search(&gzip).len(), 3);
        let zlib = miniz_oxide::deflate::compress_to_vec_zlib(TEXT.as_bytes(), 6);
        assert_eq!(hunt().search(&zlib)[0].form, "compressed");
    }

    #[test]
    fn nothing_is_found_by_chance() {
        let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(hunt().search(&noise), []);
        assert_eq!(hunt().search(b""), []);
        assert_eq!(hunt().search(b"sk_live_"), []);
    }
}
