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

/// A table: the cells of each row below its head, and the section it stands in.
#[derive(Debug)]
pub struct Table<'a> {
    pub section: &'a str,
    pub rows: Vec<Vec<&'a str>>,
}

/// A file of the repository that a text names, and what it is said to have.
#[derive(Debug)]
pub struct Citation<'a> {
    pub file: &'a str,
    pub names: Vec<&'a str>,
}

/// All files that `text` names as `` `file` `` or as `` `file` (`name`, `name`) ``.
pub fn citations(text: &str) -> Vec<Citation<'_>> {
    const ROOMS: [&str; 6] = [
        "core/",
        "embedded/",
        "hosted/",
        "tests/",
        "examples/",
        "docs/",
    ];
    let parts: Vec<&str> = text.split('`').collect();
    let mut citations: Vec<Citation<'_>> = Vec::new();
    let mut is_open = false;
    // Every second part lies between two backticks.
    for pair in parts.windows(2).skip(1).step_by(2) {
        let [code, after] = pair else { continue };
        let is_file = ROOMS.iter().any(|room| code.starts_with(room));
        if is_file {
            citations.push(Citation {
                file: code,
                names: Vec::new(),
            });
            // The file may be the text of a link.
            let link = after
                .strip_prefix("](")
                .and_then(|rest| rest.split_once(')'));
            is_open = link.map_or(*after, |(_, after)| after).trim_start() == "(";
        } else if let Some(last) = citations.last_mut().filter(|_| is_open) {
            last.names.push(code);
            is_open = after.trim() == ",";
        }
    }
    citations
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

/// The table in the section that is headed `section`.
pub fn table<'a>(text: &'a str, section: &'a str) -> Table<'a> {
    let mut lines = text.lines();
    let found = lines.any(|line| line.trim_start_matches('#').trim_start() == section);
    assert!(found, "no section {section}");
    let rows = lines
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let inside = line.trim_start_matches('|').trim_end_matches('|');
            inside.split('|').map(str::trim).collect()
        });
    Table {
        section,
        rows: rows.collect(),
    }
}

impl<'a> Table<'a> {
    /// The row whose first cell is `name`, as code.
    pub fn row(&self, name: &str) -> &[&'a str] {
        let row = self
            .rows
            .iter()
            .find(|row| row[0].trim_matches('`') == name);
        row.unwrap_or_else(|| panic!("{}: no row for {name}", self.section))
    }

    /// Every row has a first cell that is one of `names`, and no two have the same.
    pub fn has_only(&self, names: &[&str]) {
        for row in &self.rows {
            let name = row[0].trim_matches('`');
            assert!(names.contains(&name), "{}: no {name} there", self.section);
        }
        assert_eq!(
            self.rows.len(),
            names.len(),
            "{}: a row twice",
            self.section
        );
    }
}
