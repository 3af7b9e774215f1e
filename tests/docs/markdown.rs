//! What the tests read of a Markdown file: fenced blocks and tables.

/// A fenced block: the words behind the fence, and its lines.
#[derive(Debug)]
pub struct Block<'a> {
    /// The line of the file that opens it, counted from 1.
    pub at: usize,
    pub kind: &'a str,
    pub words: Vec<&'a str>,
    pub lines: Vec<&'a str>,
}

/// All fenced blocks of `text`, in order.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let mut words = info.split(' ').filter(|word| !word.is_empty());
        let kind = words.next().unwrap_or_default();
        let inside = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```");
        blocks.push(Block {
            at: index + 1,
            kind,
            words: words.collect(),
            lines: inside.collect(),
        });
    }
    blocks
}
