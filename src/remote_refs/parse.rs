//! The line format of git's reference discovery, protocol versions 0 and 1.

use std::collections::BTreeMap;

use crate::translate::context::RemoteRefs;

/// Where an answer breaks the protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It ends within a line, or before its end mark.
    #[error("it breaks off at byte {0}")]
    Truncated(usize),
    /// Four hexadecimal digits were due.
    #[error("there is no line length at byte {0}")]
    Length(usize),
    /// A line that is no ref.
    #[error("this is no ref: {0:?}")]
    Line(String),
    /// The server says what is wrong.
    #[error("the server says: {0}")]
    Server(String),
}

/// One piece of a packet-line stream (git `gitprotocol-common.adoc`, "pkt-line Format").
#[derive(Debug, PartialEq, Eq)]
enum Packet<'a> {
    /// `0000`: the end of a section.
    Flush,
    /// A line without its newline.
    Line(&'a [u8]),
}

/// Reads packets off the front of a body.
struct Packets<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Packets<'a> {
    fn next(&mut self) -> Result<Packet<'a>, ParseError> {
        let head = self.body.get(self.at..self.at + 4).ok_or(ParseError::Truncated(self.at))?;
        let length = str::from_utf8(head).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        match length {
            Some(0) => {
                self.at += 4;
                Ok(Packet::Flush)
            }
            // The length counts its own four digits; 1 to 3 are marks of protocol version 2, which nobody asked for.
            Some(length) if length >= 4 => {
                let line =
                    self.body.get(self.at + 4..self.at + length).ok_or(ParseError::Truncated(self.at))?;
                self.at += length;
                Ok(Packet::Line(line.strip_suffix(b"\n").unwrap_or(line)))
            }
            _ => Err(ParseError::Length(self.at)),
        }
    }
}

/// The refs that the answer to `info/refs?service=git-upload-pack` advertises.
pub(super) fn advertisement(body: &[u8]) -> Result<RemoteRefs, ParseError> {
    let mut packets = Packets { body, at: 0 };
    let mut found = Advertised::default();
    loop {
        match packets.next()? {
            Packet::Line(line) => found.line(&String::from_utf8_lossy(line))?,
            // The header `# service=git-upload-pack` is a section of its own, before the refs'.
            Packet::Flush if found.is_header_over => break,
            Packet::Flush => found.is_header_over = true,
        }
    }
    Ok(found.finish())
}

#[derive(Default)]
struct Advertised {
    is_header_over: bool,
    refs: BTreeMap<String, String>,
    /// Full name of the ref, as the capability `symref=HEAD:…` has it.
    symbolic_head: Option<String>,
    /// The commit at `HEAD`.
    head_commit: Option<String>,
}

impl Advertised {
    fn line(&mut self, line: &str) -> Result<(), ParseError> {
        if let Some(sentence) = line.strip_prefix("ERR ") {
            return Err(ParseError::Server(sentence.to_owned()));
        }
        let (line, capabilities) = line.split_once('\0').unwrap_or((line, ""));
        if line.starts_with('#') || line == "version 1" || line.starts_with("shallow ") {
            return Ok(());
        }
        let (commit, name) = line.split_once(' ').ok_or_else(|| ParseError::Line(line.to_owned()))?;
        // SHA-1 or SHA-256.
        if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ParseError::Line(line.to_owned()));
        }
        let head = capabilities.split(' ').find_map(|capability| capability.strip_prefix("symref=HEAD:"));
        if let Some(head) = head {
            self.symbolic_head = Some(head.to_owned());
        }
        self.add(name, commit);
        Ok(())
    }

    fn add(&mut self, name: &str, commit: &str) {
        match name {
            "HEAD" => self.head_commit = Some(commit.to_owned()),
            // What an empty repository lists, to have a line to put its capabilities on.
            "capabilities^{}" => {}
            // The commit behind an annotated tag follows the tag object and takes its place.
            _ => {
                let name = name.strip_suffix("^{}").unwrap_or(name);
                self.refs.insert(name.to_owned(), commit.to_owned());
            }
        }
    }

    fn finish(self) -> RemoteRefs {
        let head = self.symbolic_head.or_else(|| guess_head(&self.refs, self.head_commit.as_deref()?));
        RemoteRefs { head, refs: self.refs }
    }
}

/// Servers older than the capability `symref` say the commit only: then `HEAD` is a branch at that commit, the
/// usual names first, as git itself guesses (git `remote.c`, `guess_remote_head`).
fn guess_head(refs: &BTreeMap<String, String>, commit: &str) -> Option<String> {
    let usual = ["refs/heads/main", "refs/heads/master"].into_iter();
    let branches = refs.keys().map(String::as_str).filter(|name| name.starts_with("refs/heads/"));
    usual.chain(branches).find(|name| refs.get(*name).is_some_and(|at| at == commit)).map(str::to_owned)
}
