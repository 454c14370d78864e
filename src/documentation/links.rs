//! Links lead somewhere, and each page is found.

use std::path::Path;

use regex::Regex;

use super::{files, read, root};

/// The text without blocks and spans of code, where brackets are no links.
fn prose(text: &str) -> String {
    let blocks: String = text.split("```").step_by(2).collect();
    blocks.split('`').step_by(2).collect::<Vec<_>>().join("code")
}

/// The anchors of a page's headings, as forges and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect();
    let headings = outside.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn each_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let pages = files(root(), "md");
    assert!(pages.len() > 20, "{pages:?}");
    let mut dead = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        for found in link.captures_iter(&prose(&text)) {
            let target = &found[1];
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let is_there = if anchor.is_empty() {
                file.exists()
            } else {
                std::fs::read_to_string(&file).is_ok_and(|text| anchors(&text).iter().any(|a| a == anchor))
            };
            if !is_there {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The built book has nothing else.
#[test]
fn pages_link_to_pages_alone() {
    for page in files(&root().join("docs"), "md") {
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(!text.contains("](../"), "{} links to what is not in the book", page.display());
    }
}

#[test]
fn each_page_stands_in_the_readme_and_in_the_summary() {
    let (readme, summary) = (read("README.md"), read("docs/SUMMARY.md"));
    for page in files(&root().join("docs"), "md") {
        let name = page.file_name().and_then(|name| name.to_str()).unwrap();
        if page == root().join("docs/SUMMARY.md") {
            continue;
        }
        assert!(readme.contains(&format!("](docs/{name})")), "README.md does not name {name}");
        assert!(summary.contains(&format!("]({name})")), "SUMMARY.md does not name {name}");
    }
}

#[test]
fn the_readme_is_short() {
    assert!(read("README.md").lines().count() <= 150, "the rest belongs into docs/");
}

/// Tables and blocks of code cannot be wrapped.
#[test]
fn lines_can_be_read() {
    for page in files(root(), "md") {
        // It is written by `cargo parity`.
        if page.ends_with(Path::new("parity/TABLE.md")) {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        let outside: String = text.split("```").step_by(2).collect();
        let long = outside.lines().find(|line| line.chars().count() > 120 && !line.starts_with('|'));
        assert_eq!(long, None, "{}", page.display());
    }
}
