//! Which paths Rust sources name, outside comments, literals and tests.
//!
//! A reader of words and signs, not a parser: enough to see `std::fs` in `use std::{env, fs::File};`. Renaming an
//! import would get past it; the disallowed methods of `clippy.toml` would not be.

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below `folder`, named relative to `root`, with the paths it names. Modules declared under
/// `#[cfg(test)]` are left out.
pub(super) fn named_paths(root: &Path, folder: &str) -> Vec<(String, Vec<String>)> {
    let mut files = Vec::new();
    collect_files(&root.join(folder), &mut files);
    files.sort();
    let mut texts = Vec::new();
    let mut test_modules = Vec::new();
    for file in files {
        let words = words(&fs::read_to_string(&file).expect("a source file is readable text"));
        test_modules.extend(test_modules_of(&words).into_iter().map(|name| modules_of(&file).join(name)));
        texts.push((file, words));
    }
    texts.retain(|(file, _)| !test_modules.iter().any(|module| file.with_extension("").starts_with(module)));
    let shown = |file: &Path| {
        file.strip_prefix(root).expect("found below the root").to_string_lossy().replace('\\', "/")
    };
    texts.iter().map(|(file, words)| (shown(file), paths(&without_tests(words)))).collect()
}

/// The files below `folder` that name a crate which `is_it` knows, by a path that starts with it.
pub(super) fn naming_crate(root: &Path, folder: &str, is_it: impl Fn(&str) -> bool) -> Vec<String> {
    let starts = |path: &String| path.split_once("::").is_some_and(|(first, _)| is_it(first));
    let files = named_paths(root, folder).into_iter();
    files.filter(|(_, paths)| paths.iter().any(starts)).map(|(file, _)| file).collect()
}

/// Whether one of `paths` holds `name` as whole segments: `std::fs::File` holds `std::fs`, `std::fsync` does not.
pub(super) fn names(paths: &[String], name: &str) -> bool {
    paths.iter().any(|path| format!("::{path}::").contains(&format!("::{name}::")))
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    // A crate of the table may not exist yet.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !["target", "node_modules"].iter().any(|skipped| name == *skipped) {
                collect_files(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The folder that holds the files of the modules which `file` declares.
fn modules_of(file: &Path) -> PathBuf {
    let is_root = file.file_stem().is_some_and(|stem| stem == "lib" || stem == "main" || stem == "mod");
    if is_root { file.parent().map(Path::to_owned).unwrap_or_default() } else { file.with_extension("") }
}

/// The words and signs of a source text; `::` is one sign; comments and literals are left out.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut words = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        i = match (at(i), at(i + 1)) {
            ('/', '/') => skip_until(&chars, i, |c| c == '\n'),
            ('/', '*') => skip_block_comment(&chars, i),
            ('"', _) => skip_string(&chars, i),
            ('\'', '\\') => skip_until(&chars, i + 3, |c| c == '\'') + 1,
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            (':', ':') => {
                words.push("::".to_owned());
                i + 2
            }
            (c, _) if is_word(c) => {
                let end = skip_until(&chars, i, |c| !is_word(c));
                let word: String = chars[i..end].iter().collect();
                if matches!(word.as_str(), "r" | "br" | "cr") && matches!(at(end), '"' | '#') {
                    let hashes = skip_until(&chars, end, |c| c != '#') - end;
                    if at(end + hashes) == '"' {
                        i = skip_raw_string(&chars, end + hashes + 1, hashes);
                        continue;
                    }
                }
                words.push(word);
                end
            }
            (c, _) => {
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
                i + 1
            }
        };
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn skip_until(chars: &[char], from: usize, ends: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|index| ends(chars[*index])).unwrap_or(chars.len())
}

fn skip_block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut i) = (0, from);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') if depth == 1 => return i + 2,
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
    }
    chars.len()
}

fn skip_string(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

fn skip_raw_string(chars: &[char], from: usize, hashes: usize) -> usize {
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (from..chars.len()).find(|i| closes(*i)).map_or(chars.len(), |i| i + 1 + hashes)
}

/// Leaves out every item under `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn without_tests(words: &[String]) -> Vec<&str> {
    let words = borrowed(words);
    let mut kept = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if let Some(item) = test_item(&words, i) {
            i = item_end(&words, item);
            continue;
        }
        kept.push(words[i]);
        i += 1;
    }
    kept
}

/// The names in `#[cfg(test)] mod name;`.
fn test_modules_of(words: &[String]) -> Vec<&str> {
    let words = borrowed(words);
    let items = (0..words.len())
        .filter_map(|i| test_item(&words, i).map(|item| &words[item..item_end(&words, item)]));
    items.filter_map(|item| if let [.., "mod", name, ";"] = item { Some(*name) } else { None }).collect()
}

/// Where the item begins whose test-only condition stands at `from`, if one does.
fn test_item(words: &[&str], from: usize) -> Option<usize> {
    if !words[from..].starts_with(&["#", "[", "cfg", "("]) {
        return None;
    }
    let end = matching(words, from + 1);
    let condition = &words[from..end];
    (condition.contains(&"test") && !condition.contains(&"not") && !condition.contains(&"any")).then_some(end)
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The index after the item that starts at `from`: its `;`, or the bracket that closes its body.
fn item_end(words: &[&str], from: usize) -> usize {
    let mut i = from;
    while i < words.len() {
        match words[i] {
            ";" => return i + 1,
            "{" => return matching(words, i),
            "(" | "[" => i = matching(words, i),
            _ => i += 1,
        }
    }
    words.len()
}

/// The index after the bracket that closes the one at `open`.
fn matching(words: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (i, word) in words.iter().enumerate().skip(open) {
        match *word {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    words.len()
}

/// Every path and single name, groups written out: `std::{env, fs::File}` gives `std::env` and `std::fs::File`.
fn paths(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < words.len() {
        i = if is_name(words[i]) { read_path(words, i, "", &mut found) } else { i + 1 };
    }
    found
}

fn read_path(words: &[&str], from: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path =
        if prefix.is_empty() { words[from].to_owned() } else { format!("{prefix}::{}", words[from]) };
    let mut i = from + 1;
    while words.get(i) == Some(&"::") {
        match words.get(i + 1) {
            Some(&"{") => {
                i += 2;
                while i < words.len() && words[i] != "}" {
                    i = if is_name(words[i]) { read_path(words, i, &path, found) } else { i + 1 };
                }
                return i + 1;
            }
            Some(name) if is_name(name) => {
                path = format!("{path}::{name}");
                i += 2;
            }
            next => {
                if next == Some(&"*") {
                    path.push_str("::*");
                }
                break;
            }
        }
    }
    found.push(path);
    i
}

fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(is_word)
}

fn named_in(text: &str) -> Vec<String> {
    paths(&without_tests(&words(text)))
}

#[test]
fn a_path_is_seen_however_it_is_written() {
    for (text, name) in [
        ("use std::fs;", "std::fs"),
        ("fn f() { ::std::fs::read(x) }", "std::fs"),
        ("use std::{collections::BTreeMap, fs::{self, File}};", "std::fs"),
        ("let t = jiff::Timestamp::now();", "Timestamp::now"),
        ("let t = SystemTime :: now ();", "SystemTime::now"),
        ("use std::env::*;", "std::env"),
        ("#[cfg(not(test))] use std::net::TcpStream;", "std::net"),
        ("let c = '\"'; use std::fs; let d = '\"';", "std::fs"),
        ("let c = '\\''; use std::fs;", "std::fs"),
        ("fn f<'a>(x: &'a str) { std::fs::read(x) }", "std::fs"),
        ("#[cfg(test)] mod tests; use std::fs;", "std::fs"),
        ("#[cfg(test)] fn f(x: [u8; 2]) { g() } use std::fs;", "std::fs"),
        ("let x = r\"\\\"; use std::fs;", "std::fs"),
    ] {
        assert!(names(&named_in(text), name), "{text} -> {:?}", named_in(text));
    }
}

#[test]
fn comments_literals_and_tests_name_nothing() {
    for text in [
        "// use std::fs;\n/// std::fs\n//! std::fs",
        "/* std::fs /* nested */ std::fs */",
        "let x = \"std::fs \\\" std::fs\";",
        "let x = r#\"std::fs \" std::fs\"#; let y = br\"std::fs\";",
        "#[cfg(test)] mod tests { use std::fs; fn f() { { std::fs::read(x) } } }",
        "#[cfg(all(test, unix))] #[allow(dead_code)] fn f() { std::fs::read(x) }",
        "use std::fsync; use my_std::fs_like; self.fs(std::mem::take(x))",
    ] {
        assert!(!names(&named_in(text), "std::fs"), "{text} -> {:?}", named_in(text));
    }
}

#[test]
fn a_crate_is_named_by_the_start_of_a_path_only() {
    let first = |text: &str| named_in(text).iter().any(|path| path.starts_with("oauth2::"));
    assert!(first("use oauth2::{AuthUrl, ClientId};"));
    assert!(first("fn f(x: oauth2::ClientId) {}"));
    assert!(first("use oauth2::*;"));
    assert!(!first("use crate::oauth2::Client; let oauth2 = 1; mod oauth2;"));
}

#[test]
fn modules_for_tests_are_known_by_their_declaration() {
    let words =
        words("mod a; #[cfg(test)] mod tests; #[cfg(all(test, unix))] #[path = \"x.rs\"] pub mod b; mod c;");
    assert_eq!(test_modules_of(&words), ["tests", "b"]);
    assert_eq!(modules_of(Path::new("src/lib.rs")), Path::new("src"));
    assert_eq!(modules_of(Path::new("src/seal.rs")), Path::new("src/seal"));
}
