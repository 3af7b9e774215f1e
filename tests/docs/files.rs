//! Plays the examples of `docs/static-files.md` on files that are there.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use kinglet_core::http::{Handled, Reply, Request, Stream};
use kinglet_core::window::{Outlook, Queue};
use kinglet_core::{Application, Context, Input, Limits, Output, Session, Stamp};
use kinglet_hosted::files::{FileExchange, FileServer, Files, FilesOptions};

use crate::escape::{escape, unescape};
use crate::markdown::Block;

pub const PAGE: &str = include_str!("../../docs/static-files.md");

struct Site(FileServer);

impl Application for Site {
    type Exchange = FileExchange;

    fn request(
        &mut self,
        file: &mut FileExchange,
        request: &Request<'_>,
        reply: Reply<'_>,
    ) -> Handled {
        self.0.answer(file, request, request.path(), reply)
    }

    fn stream(&mut self, file: &mut FileExchange, stream: Stream<'_>) -> Handled {
        self.0.stream(file, stream)
    }
}

/// A folder with the files that the page speaks of.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("kinglet-docs-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        for (name, content) in [
            ("hello.txt", "Hello, World!\n".into()),
            ("long.txt", "x".repeat(300)),
        ] {
            fs::write(folder.join(name), content).expect("a file");
            let file = File::options().write(true).open(folder.join(name));
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
            file.and_then(|file| file.set_modified(time))
                .expect("a time");
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Plays each request with the answer behind it, and answers how many there are. A tag and a boundary
/// are others each time: those of the page stand for them.
pub fn play(blocks: &[Block<'_>]) -> usize {
    let folder = Folder::new();
    let files = Files::open(&folder.0, FilesOptions::default()).expect("the folder");
    let mut site = Site(files.for_thread());
    let mut stamp = Stamp::new("kinglet");
    stamp.set_date(784_111_777 + 24 * 60 * 60);
    let context = Context::new(Limits::SERVER, stamp);
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut answered = 0;
    let exchanges: Vec<&Block<'_>> = blocks
        .iter()
        .filter(|block| matches!(block.kind, "http-in" | "http-out"))
        .collect();
    for pair in exchanges.chunks(2) {
        let [request, expected] = pair else {
            panic!("a request without an answer")
        };
        let kinds = (request.kind, expected.kind);
        assert_eq!(kinds, ("http-in", "http-out"), "line {}", request.at);
        let mut text = request.lines.concat();
        for (shown, real) in &tags {
            text = text.replace(shown, real);
        }
        let mut bytes = unescape(&text).expect("bytes");
        let (mut room, mut queue) = (vec![0; 16 * 1024], Queue::new());
        let mut input = Input::new(&mut bytes, Outlook::More);
        let mut output = Output::new(&mut room, &mut queue);
        let _ = Session::new().turn(&mut site, &context, &mut input, &mut output);
        let sent: Vec<&[u8]> = queue.slices(&room).collect();
        let expected_text = expected.lines.concat();
        let mut got = escape(&sent.concat());
        for (begin, end) in [("ETag: \"", '"'), ("boundary=", '\\')] {
            let between = |text: &str| {
                let rest = text.split_once(begin)?.1;
                Some(rest.split_once(end)?.0.to_owned())
            };
            if let (Some(shown), Some(real)) = (between(&expected_text), between(&got)) {
                assert_eq!(shown.len(), real.len());
                got = got.replace(&real, &shown);
                tags.push((shown, real));
            }
        }
        assert_eq!(got, expected_text, "line {}", expected.at);
        answered += 1;
    }
    answered
}
