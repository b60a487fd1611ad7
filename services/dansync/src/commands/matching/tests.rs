//! The commands over tables as people bring them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::Match;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(subcommand)]
    command: Match,
}

const PEOPLE: &str = "\u{feff}record_id,given_name,family_name,date_of_birth,postcode,note\r\n\
    1,Margaret,\"O'Neill, Jr\",1985-02-28,SW1A 1AA,first\r\n\
    2,Margret,\"O'Neill, Jr\",28/02/1985,sw1a 1aa,\"two\r\nlines\"\r\n\
    3,Zoë,Smith,1990-01-05,EH1 1AB,\r\n\
    4,Zoe,Smith,1990-05-01,EH1 1AB,\r\n\
    5,John,Smith,1971,,unknown year\r\n\
    6,n/a,,not a date,,\r\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command; a word with a dot that stands for a file here is put into this folder.
    #[expect(clippy::unwrap_in_result, reason = "a line that does not parse is the test's own fault")]
    fn run(&self, line: &str) -> Result<(), String> {
        let word = |word: &str| match self.path(word) {
            path if word.contains('.') => path.display().to_string(),
            _ => word.to_owned(),
        };
        let words = std::iter::once("match".to_owned()).chain(line.split(' ').map(word));
        let line = Line::try_parse_from(words).unwrap();
        line.command.execute().map_err(|error| format!("{error:#}"))
    }
}

/// The example in the tree, learned from a larger table of made-up people.
fn learned(folder: &Folder) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/linkage/people-en.toml");
    folder.file("example.toml", std::fs::read(example).unwrap());
    let given = ["Margaret", "John", "Zoe", "Amir", "Ines", "Peter", "Ruth", "Omar", "Lily", "Hugh"];
    let family = ["Smith", "Jones", "Khan", "Brown", "Wilson", "Patel", "Evans", "Moore", "Clarke", "Young"];
    let mut text = "record_id,given_name,family_name,date_of_birth,postcode\n".to_owned();
    let mut truth = "record_id,cluster_id\n".to_owned();
    for person in 0..400_usize {
        let (g, f) = (given[person % 10], family[person / 7 % 10]);
        let born = format!("{}-{:02}-{:02}", 1940 + person % 61, person % 12 + 1, person * 11 % 28 + 1);
        let code = ["SW1A", "EH1", "M1", "CF10"][person % 4];
        for copy in 0..2 {
            let f = if copy == 1 && person % 9 == 0 { f.replacen('i', "e", 1) } else { f.to_owned() };
            let code = if copy == 1 && person % 5 == 0 { "LS2" } else { code };
            writeln!(text, "{person}-{copy},{g},{f},{born},{code} {}AB", person % 9).unwrap();
            writeln!(truth, "{person}-{copy},{person}").unwrap();
        }
    }
    folder.file("many.csv", text);
    folder.file("many-truth.csv", truth);
    folder.run("learn --records many.csv --model example.toml --out people.toml").unwrap();
}

#[test]
fn a_table_of_somebody_elses_is_matched_and_explained() {
    let folder = Folder::new();
    learned(&folder);
    let model = folder.read("people.toml");
    assert!(
        model.contains("# An example for English names") && model.contains("[weights.odds.postcode]"),
        "{model}"
    );
    folder.file("people.csv", PEOPLE);
    folder.file("truth.csv", "record_id,cluster_id\n1,a\n2,a\n3,b\n4,b\n5,c\n");
    folder
        .run("evaluate --records people.csv --model people.toml --truth truth.csv --out found.d --explain 1,2 -o json")
        .unwrap();
    let pairs = folder.read("found.d/pairs.csv");
    let mut lines = pairs.lines();
    assert_eq!(lines.next(), Some("left_id,right_id,weight,probability,band"));
    assert!(lines.clone().any(|line| line.starts_with("1,2,") && line.ends_with(",link")), "{pairs}");
    assert!(lines.any(|line| line.starts_with("3,4,") && line.ends_with(",link")), "{pairs}");
    let clusters = folder.read("found.d/clusters.csv");
    assert_eq!(clusters, "record_id,cluster_id\n1,1\n2,1\n3,3\n4,3\n5,5\n6,6\n");
    assert!(folder.read("found.d/over_bound.csv").starts_with("rule,key,records,bound"));
    folder.run("explain 3 4 --records people.csv --model people.toml").unwrap();

    folder.file("decided.csv", "left_id,right_id,decision\n2,1,different\n");
    folder
        .run("evaluate --records people.csv --model people.toml --decided decided.csv --out kept.d")
        .unwrap();
    assert!(folder.read("kept.d/clusters.csv").contains("\n2,2\n"));
    folder
        .run("learn --records many.csv --truth many-truth.csv --model people.toml --out counted.toml")
        .unwrap();
    assert!(folder.read("counted.toml").contains("# An example for English names"));
}

/// The rows in another order give the same files, byte for byte.
#[test]
fn the_order_of_rows_does_not_matter() {
    let folder = Folder::new();
    learned(&folder);
    let text = folder.read("many.csv");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    folder.file("turned.csv", lines.join("\n"));
    for table in ["many", "turned"] {
        folder.run(&format!("evaluate --records {table}.csv --model people.toml --out {table}.d")).unwrap();
    }
    for file in ["pairs.csv", "clusters.csv"] {
        let (one, other) = (folder.read(&format!("many.d/{file}")), folder.read(&format!("turned.d/{file}")));
        assert!(one == other && one.lines().count() > 100, "{file}");
    }
}

#[test]
fn faults_name_file_line_column_reason_and_way_out() {
    let folder = Folder::new();
    learned(&folder);
    let evaluate = "evaluate --records people.csv --model people.toml --out found.d";
    for (from, to, words) in [
        ("record_id,", "id,", &["people.csv:1:", "column 1 must be headed `record_id`"][..]),
        ("postcode", "post_code", &["people.csv:1:", "`postcode`", "`post_code`", "rename either"]),
        ("note", "postcode", &["people.csv:1: column `postcode`: two columns"]),
        ("\r\n3,", "\r\n2,", &["people.csv:5: column `record_id`: stands on line 3 already"]),
        ("\r\n5,", "\r\n,", &["people.csv:7: column `record_id`: is empty"]),
        ("1971,,", "1971,", &["people.csv:7: has 5 values where the headings are 6", "double quotes"]),
    ] {
        assert!(PEOPLE.contains(from), "{from}");
        folder.file("people.csv", PEOPLE.replacen(from, to, 1));
        let said = folder.run(evaluate).unwrap_err();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(!said.contains("Neill"), "no value is repeated: {said}");
    }
    folder.file("people.csv", PEOPLE.replace("ë", "\u{fffd}").replace('\u{fffd}', "?"));
    let mut bytes = PEOPLE.as_bytes().to_vec();
    let place = bytes.windows(2).position(|pair| pair == "ë".as_bytes()).unwrap();
    bytes.remove(place);
    folder.file("people.csv", bytes);
    let said = folder.run(evaluate).unwrap_err();
    assert!(said.contains("people.csv:5: column `given_name`: is not UTF-8"), "{said}");
    for (text, words) in [
        ("", "is empty; want a line of headings that begins with record_id"),
        ("record_id,given_name,family_name,date_of_birth,postcode\n", "has headings and no records"),
    ] {
        folder.file("people.csv", text);
        assert!(folder.run(evaluate).unwrap_err().contains(words), "{text}");
    }
    folder.file("people.csv", PEOPLE);
    folder.file("truth.csv", "record_id,cluster_id\n1,a\n9,a\n");
    let said = folder.run(&format!("{evaluate} --truth truth.csv")).unwrap_err();
    assert!(said.contains("truth.csv:3: column `record_id`: no record has this id"), "{said}");
    folder.file("decided.csv", "left_id,right_id,decision\n1,2,same\n");
    let said = folder.run(&format!("{evaluate} --decided decided.csv")).unwrap_err();
    assert!(said.contains("decided.csv:2: column `decision`: want `different` or `twins`"), "{said}");
    let said = folder.run("evaluate --records people.csv --model example.toml --out found.d").unwrap_err();
    assert!(said.contains("has no weights") && said.contains("dansync match learn"), "{said}");
    folder.file("odd.toml", folder.read("people.toml").replacen("\"swapped\"", "\"turned\"", 1));
    let said = folder.run("evaluate --records people.csv --model odd.toml --out found.d").unwrap_err();
    assert!(said.contains("odd.toml") && said.contains("`turned` is no level of a date"), "{said}");
    let said = folder.run("explain 1 77 --records people.csv --model people.toml").unwrap_err();
    assert!(said.contains("no record has the id that was asked for"), "{said}");
}
