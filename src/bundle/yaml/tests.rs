use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Node {
    let (node, problems) = read("f", text.as_bytes()).unwrap();
    assert_eq!(problems, []);
    node
}

fn refused(text: &str) -> Problem {
    match read("f", text.as_bytes()) {
        Err(problem) => problem,
        Ok((_, problems)) => problems.into_iter().next().unwrap(),
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> &'n str {
    match &node.get(key).unwrap().1.value {
        Value::Scalar { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_count_from_one_in_characters() {
    let node = tree("é: 1\nsection:\n  \"ключ\": värde\n");
    let (key, value) = node.get("section").unwrap().1.get("ключ").unwrap();
    assert_eq!((key.place.line, key.place.column, key.place.width), (Some(3), Some(3), 6));
    assert_eq!((value.place.line, value.place.column, value.place.width), (Some(3), Some(11), 5));
}

#[test]
fn text_stays_as_it_is_written() {
    let node = tree("a: 1.10\nb: 0x1F\nc: 'yes'\nd: !!str 007\ne: |\n  two\n  lines\nf: 2024-01-01\n");
    let texts = ["a", "b", "c", "d", "e", "f"].map(|key| text_of(&node, key).to_owned());
    assert_eq!(texts, ["1.10", "0x1F", "yes", "007", "two\nlines\n", "2024-01-01"]);
}

#[test]
fn only_bare_words_are_null() {
    let node = tree("a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: nil\n");
    let null = ["a", "b", "c", "d", "e", "f"].map(|key| node.get(key).unwrap().1.is_null());
    assert_eq!(null, [true, true, true, false, false, false]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read() {
    let node = tree("\u{feff}a: 1\r\nb: 2\r\n");
    assert_eq!((text_of(&node, "a"), text_of(&node, "b")), ("1", "2"));
    assert_eq!(node.get("a").unwrap().0.place.column, Some(1));
}

#[test]
fn bytes_that_are_no_text_are_named_by_place() {
    let problem = read("f", b"a: 1\nb: \xc3\xa9\xff\n").unwrap_err();
    assert_eq!((problem.place.line, problem.place.column), (Some(2), Some(5)));
    assert!(read("f", b"\xff\xfea\x00:\x00").is_err());
}

#[test]
fn an_alias_repeats_its_anchor() {
    let node = tree("a: &x {k: v}\nb: *x\n");
    assert_eq!(text_of(&node.get("b").unwrap().1, "k"), "v");
}

#[test]
fn what_is_not_supported_is_refused() {
    for (text, code) in [
        ("a: 1\n---\nb: 2\n", Code::Unsupported),
        ("a: &x [*x]\n", Code::Unsupported),
        ("a: &x {k: v}\nb:\n  <<: *x\n", Code::Unsupported),
        ("a: !include other.yaml\n", Code::Unsupported),
        ("[1, 2]: x\n", Code::Unsupported),
        ("a: *missing\n", Code::Syntax),
        ("a: 1\na: 2\n", Code::DuplicateKey),
        ("'a': 1\n\"a\": 2\n", Code::DuplicateKey),
        ("", Code::Syntax),
    ] {
        assert_eq!(refused(text).code, code, "{text}");
    }
}

#[test]
fn a_quoted_merge_key_is_a_key() {
    assert_eq!(text_of(&tree("\"<<\": x\n"), "<<"), "x");
}

#[test]
fn every_key_that_occurs_twice_is_noted() {
    let (_, problems) = read("f", b"a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n").unwrap();
    assert_eq!(
        problems.iter().map(|problem| problem.place.line).collect::<Vec<_>>(),
        [Some(2), Some(3), Some(4)]
    );
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert_eq!(refused(&laughs).code, Code::TooLarge);
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1_000].join(", "));
    assert_eq!(refused(&long).code, Code::TooLarge);
}

#[test]
fn size_and_nesting_are_bounded() {
    assert_eq!(refused(&"#".repeat(MAX_BYTES + 1)).code, Code::TooLarge);
    assert!(matches!(refused(&"[".repeat(100_000)).code, Code::TooLarge | Code::Syntax));
    assert!(matches!(refused(&"- ".repeat(100_000)).code, Code::TooLarge | Code::Syntax));
    assert_eq!(refused(&format!("{}1{}", "[".repeat(33), "]".repeat(33))).code, Code::TooLarge);
    tree(&format!("{}1{}", "[".repeat(32), "]".repeat(32)));
}

/// Texts from the pieces that YAML gives a meaning.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "&x ",
        "*x",
        "<<: ",
        "!!str ",
        "!t ",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "# c",
        "---\n",
        "...\n",
        "%TAG ! x\n",
        "\t",
        "\\",
        "1.10",
        "é",
        "\u{2028}",
        "~",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read("f", &bytes);
    }

    #[test]
    fn places_are_inside_the_text(text in yaml_like()) {
        let lines = text.split('\n').count();
        let inside = |place: &Place| place.line.is_none_or(|line| (1..=lines + 1).contains(&line));
        match read("f", text.as_bytes()) {
            Err(problem) => prop_assert!(inside(&problem.place), "{problem}"),
            Ok((node, problems)) => {
                prop_assert!(inside(&node.place));
                prop_assert!(problems.iter().all(|problem| inside(&problem.place)));
            }
        }
    }

    #[test]
    fn quoted_text_comes_back(text in "\\PC{0,40}", key in "[a-z]{1,8}") {
        // JSON is YAML.
        let document = serde_json::json!({ &key: &text }).to_string();
        let node = tree(&document);
        prop_assert_eq!(text_of(&node, &key), text);
    }
}
