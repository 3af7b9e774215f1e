//! Rules that the repository keeps about itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust sources below `folder`, in order, with their names as from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    let source = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root");
        let name = name.to_string_lossy().replace('\\', "/");
        (
            name,
            std::fs::read_to_string(&path).expect("a readable source"),
        )
    };
    paths.into_iter().map(source).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The lines before the tests at the bottom of a file.
fn without_tests(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
    lines.truncate(tests.unwrap_or(lines.len()));
    lines
}

/// Whether all of a file is for tests: `tests.rs`, or a module that another declares to be.
fn is_test_module(name: &str, all: &[(String, String)]) -> bool {
    let stem = name
        .rsplit('/')
        .next()
        .and_then(|file| file.strip_suffix(".rs"));
    let stem = stem.unwrap_or_default();
    let declares = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        lines.windows(2).any(|pair| {
            pair[0] == "#[cfg(test)]"
                && pair[1].trim_start_matches("pub(crate) ") == format!("mod {stem};")
        })
    };
    stem == "tests" || all.iter().any(|(_, text)| declares(text))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Whether `word` stands in `line` and is not the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn check(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

#[test]
fn core_and_embedded_name_neither_std_nor_alloc() {
    let mut all = sources("core/src");
    all.extend(sources("embedded/src"));
    let mut offences = Vec::new();
    for (name, text) in all.iter().filter(|(name, _)| !is_test_module(name, &all)) {
        for line in without_tests(text)
            .into_iter()
            .filter(|line| !is_comment(line))
        {
            if has_word(line, "std::") || has_word(line, "alloc::") {
                offences.push(format!("{name}: {line}"));
            }
        }
    }
    check("neither has a standard library or an allocator", &offences);
}

#[test]
fn drivers_do_not_speak_of_the_protocol() {
    const WORDS: [&str; 5] = [
        "chunk",
        "opcode",
        "content-length",
        "transfer-encoding",
        "mask",
    ];
    let mut all = sources("hosted/src");
    all.extend(sources("embedded/src"));
    let mut offences = Vec::new();
    for (name, text) in all.iter().filter(|(name, _)| !is_test_module(name, &all)) {
        for line in without_tests(text) {
            let lower = line.to_ascii_lowercase();
            if WORDS.iter().any(|word| lower.contains(word)) {
                offences.push(format!("{name}: {line}"));
            }
        }
    }
    check("what a chunk or a mask is, is core's matter", &offences);
}

#[test]
fn tests_neither_wait_nor_look_away() {
    // Put together here, so that this file does not find itself.
    let words = [
        concat!("thread::", "sleep"),
        concat!("time::", "sleep"),
        concat!("#[", "ignore"),
        concat!("should_", "panic"),
    ];
    let mut offences = Vec::new();
    for folder in ["core", "embedded", "hosted", "tests"] {
        for (name, text) in sources(folder) {
            for line in text
                .lines()
                .filter(|line| words.iter().any(|word| line.contains(word)))
            {
                offences.push(format!("{name}: {line}"));
            }
        }
    }
    check(
        "a test neither sleeps, nor is ignored, nor expects a panic",
        &offences,
    );
}

/// Comments on items that speak of a document as a whole.
const WHOLE_DOCUMENTS: [&str; 4] = [
    "A rule of RFC 9110 or RFC 9112 that the peer broke.",
    "the grammar of `core::net` is that of RFC 3986.",
    "A user-id and a password, RFC 7617.",
    "RFC 6265 does not have this attribute",
];

#[test]
fn a_comment_that_cites_an_rfc_names_the_section() {
    let mut offences = Vec::new();
    for folder in ["core/src", "embedded/src", "hosted/src", "examples"] {
        for (name, text) in sources(folder) {
            for block in comments(&text) {
                let mut block = block;
                for whole in WHOLE_DOCUMENTS {
                    block = block.replace(whole, "");
                }
                offences.extend(
                    block
                        .match_indices("RFC ")
                        .map(|(at, _)| &block[at + 4..])
                        .filter(|rest| !cites_section(rest))
                        .map(|rest| format!("{name}: RFC {}", rest.get(..40).unwrap_or(rest))),
                );
            }
        }
    }
    check("a citation names its section", &offences);
}

/// Comments on items and statements, each with its lines joined. Pages of modules may speak of a whole
/// document, and are left out.
fn comments(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        let line = line.trim_start();
        match line.strip_prefix("//") {
            Some(comment) if !comment.starts_with('!') => {
                let block = blocks.last_mut().expect("a block");
                block.push_str(comment.trim_start_matches('/'));
            }
            _ => blocks.push(String::new()),
        }
    }
    blocks
}

/// Whether what follows `RFC ` is a number, and then a section or a table.
fn cites_section(rest: &str) -> bool {
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if number.len() == rest.len() {
        return true;
    }
    let after = number.trim_start_matches([',', ' ']);
    after.starts_with('§') || after.starts_with("table ") || after.starts_with('|')
}

/// Lines of a source that one sitting is enough for.
const MAX_LINES: usize = 600;

#[test]
fn a_source_is_short_enough_to_be_read_from_top_to_bottom() {
    let mut offences = Vec::new();
    for folder in ["core/src", "embedded/src", "hosted/src", "examples"] {
        for (name, text) in sources(folder) {
            let len = without_tests(&text).len();
            if len > MAX_LINES {
                offences.push(format!("{name}: {len} lines without its tests"));
            }
        }
    }
    check("past 600 lines a file is split by concept", &offences);
}

#[test]
fn a_page_links_only_to_what_is_there() {
    let docs = std::fs::read_dir(root().join("docs"))
        .expect("a folder")
        .flatten();
    let pages = docs
        .map(|entry| entry.path())
        .chain([root().join("README.md")]);
    let mut offences = Vec::new();
    for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&page).expect("a readable page");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            let is_relative = !path.is_empty() && !path.contains("://");
            if is_relative && !page.with_file_name(path).exists() {
                offences.push(format!("{}: {link}", page.display()));
            }
        }
    }
    check("a link leads to a file", &offences);
}

#[test]
fn what_the_conformance_page_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/conformance.md")).expect("the page");
    let mut offences = Vec::new();
    for name in page.split('`').skip(1).step_by(2) {
        let (file, test) = name.split_once("::").unwrap_or((name, ""));
        if !file.contains('/') || file.starts_with("HTTP/") {
            continue;
        }
        let Ok(metadata) = std::fs::metadata(root().join(file)) else {
            offences.push(format!("{file}: no such file"));
            continue;
        };
        if metadata.is_file() && !test.is_empty() {
            let text = std::fs::read_to_string(root().join(file)).expect("a readable file");
            if !text.contains(&format!("fn {test}(")) {
                offences.push(format!("{file}: no test {test}"));
            }
        }
    }
    check("a row names a living file and test", &offences);
}

#[test]
fn every_section_that_a_vector_names_has_its_row() {
    let page = std::fs::read_to_string(root().join("docs/conformance.md")).expect("the page");
    let rows: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| RFC ")?.split(" |").next())
        .collect();
    let mut offences = Vec::new();
    for folder in ["tests/vectors", "tests/vectors/websocket"] {
        let mut files = 0;
        for entry in std::fs::read_dir(root().join(folder))
            .expect("the vectors")
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".txt") {
                continue;
            }
            files += 1;
            if !page.contains(&format!("`{folder}/{name}`")) {
                offences.push(format!("{folder}/{name} is in no row"));
            }
            let text = std::fs::read_to_string(entry.path()).expect("a readable file");
            for title in text.lines().filter(|line| line.starts_with("## ")) {
                let section = title
                    .rsplit_once("(RFC ")
                    .and_then(|(_, rest)| rest.strip_suffix(')'));
                if !section.is_some_and(|section| rows.contains(section)) {
                    offences.push(format!("{folder}/{name}: {title}"));
                }
            }
        }
        assert!(files > 3, "only {files} in {folder}");
    }
    check("docs/conformance.md has a row for each section", &offences);
}

#[test]
fn the_rules_find_what_breaks_them() {
    assert!(has_word("use std::fmt;", "std::") && !has_word("my_std::fmt", "std::"));
    assert!(
        cites_section("9112 §6.1)") && cites_section("9110, §5.") && cites_section("s are long")
    );
    assert!(!cites_section("9112 says so") && !cites_section("9110)"));
    let text = "/// See RFC\n/// 9112 §1.\nfn a() {}\n#[cfg(test)]\nmod tests {\n";
    assert_eq!(comments(text)[0], " See RFC 9112 §1.");
    assert_eq!(without_tests(text).len(), 3);
}
