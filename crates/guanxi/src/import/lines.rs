//! The lines of a text file, decoded.
//!
//! In UTF-8 and in GB18030 the byte of a line feed is never a part of another character, so lines are cut first and decoded one by
//! one: a fault is known by its line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{DecoderResult, GB18030};
use sha2::{Digest, Sha256};

/// A longer line is no line of a table.
const MAX_LINE: u64 = 1024 * 1024;

/// Encodings that files come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
pub(crate) enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    #[value(name = "utf-8")]
    Utf8,
    /// Covers GBK and GB2312 too.
    #[serde(rename = "gb18030", alias = "gbk", alias = "gb2312")]
    #[value(name = "gb18030", alias = "gbk", alias = "gb2312")]
    Gb18030,
}

impl Encoding {
    /// Name as people write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Utf8 => Self::Gb18030,
            Self::Gb18030 => Self::Utf8,
        }
    }
}

/// A line without its end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// The text; `None` where the file ends inside a character.
    pub(super) text: Option<String>,
    /// What ended it; nothing at the end of the file.
    pub(super) end: &'static str,
}

/// Why a file cannot be read as lines of text.
#[derive(Debug)]
pub(super) enum Fault {
    Io(std::io::Error),
    /// The bytes from `byte` (from 1) of the line on are no text of the encoding; `other` is one that the line is text of.
    Malformed {
        line: u64,
        byte: usize,
        other: Option<Encoding>,
    },
    /// A workbook or UTF-16 text, by its first bytes.
    Other(Kind),
    TooLong {
        line: u64,
    },
}

/// What is often given for a text file and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Workbook,
    Utf16,
    Binary,
}

/// Reads lines and notes what the bytes look like.
pub(super) struct Lines {
    reader: BufReader<File>,
    encoding: Encoding,
    number: u64,
    digest: Sha256,
    /// Everything so far is UTF-8 too,
    utf8: bool,
    /// with characters that need three bytes there, as Chinese ones do. Few Chinese texts in GB18030 happen to be UTF-8 of two bytes
    /// a character, none is of three.
    three_bytes: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn open(path: &Path, encoding: Encoding) -> std::io::Result<Self> {
        let reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
        Ok(Self { reader, encoding, number: 0, digest: Sha256::new(), utf8: true, three_bytes: false, ended: true })
    }

    /// True where all bytes read so far are UTF-8 with Chinese characters.
    pub(super) fn is_chinese_utf8(&self) -> bool {
        self.utf8 && self.three_bytes
    }

    /// True where the last line has an end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Digest of the bytes read so far.
    pub(super) fn digest(self) -> [u8; 32] {
        self.digest.finalize().into()
    }

    pub(super) fn next(&mut self) -> Result<Option<Line>, Fault> {
        let mut bytes = Vec::new();
        (&mut self.reader).take(MAX_LINE + 1).read_until(b'\n', &mut bytes).map_err(Fault::Io)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.digest.update(&bytes);
        if let Some(kind) = kind(&bytes, self.number) {
            return Err(Fault::Other(kind));
        }
        if bytes.len() as u64 > MAX_LINE {
            return Err(Fault::TooLong { line: self.number });
        }
        let (content, end) = split_end(&bytes);
        self.ended = !end.is_empty();
        self.look(content);
        let text = match decode(content, self.encoding) {
            Ok(text) if self.number == 1 => Some(text.trim_start_matches('\u{feff}').to_owned()),
            Ok(text) => Some(text),
            Err(Malformed::CutOff) if end.is_empty() => None,
            Err(Malformed::CutOff) => return Err(self.malformed(content, content.len())),
            Err(Malformed::At(index)) => return Err(self.malformed(content, index + 1)),
        };
        Ok(Some(Line { number: self.number, text, end }))
    }

    fn look(&mut self, content: &[u8]) {
        match std::str::from_utf8(content) {
            Ok(text) => self.three_bytes |= text.chars().any(|character| character >= '\u{800}'),
            Err(error) => self.utf8 &= error.error_len().is_none() && !self.ended,
        }
    }

    fn malformed(&self, content: &[u8], byte: usize) -> Fault {
        let other = Some(self.encoding.other()).filter(|other| decode(content, *other).is_ok());
        Fault::Malformed { line: self.number, byte, other }
    }
}

fn split_end(bytes: &[u8]) -> (&[u8], &'static str) {
    match bytes {
        [content @ .., b'\r', b'\n'] => (content, "\r\n"),
        [content @ .., b'\n'] => (content, "\n"),
        content => (content, ""),
    }
}

fn kind(bytes: &[u8], number: u64) -> Option<Kind> {
    match bytes {
        [b'P', b'K', 3, 4, ..] | [0xD0, 0xCF, 0x11, 0xE0, ..] if number == 1 => Some(Kind::Workbook),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] if number == 1 => Some(Kind::Utf16),
        bytes if bytes.contains(&0) => Some(Kind::Binary),
        _ => None,
    }
}

enum Malformed {
    /// At an index from 0.
    At(usize),
    /// The bytes end inside a character.
    CutOff,
}

fn decode(bytes: &[u8], encoding: Encoding) -> Result<String, Malformed> {
    if encoding == Encoding::Utf8 {
        let text = std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
            None => Malformed::CutOff,
            Some(_) => Malformed::At(error.valid_up_to()),
        })?;
        return Ok(text.to_owned());
    }
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(0);
    let mut text = String::with_capacity(room);
    let (outcome, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, false);
    if let DecoderResult::Malformed(length, after) = outcome {
        return Err(Malformed::At(read.saturating_sub(usize::from(length) + usize::from(after))));
    }
    // Nothing may be left over: the decoder keeps the beginning of a character for itself.
    match decoder.decode_to_string_without_replacement(&[], &mut text, true).0 {
        DecoderResult::InputEmpty => Ok(text),
        _ => Err(Malformed::CutOff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that the lines of some bytes say, and whether they look like Chinese UTF-8.
    fn read(bytes: &[u8], encoding: Encoding) -> (Vec<Option<String>>, Option<Fault>, bool) {
        let path =
            std::env::temp_dir().join(format!("guanxi-lines-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path, encoding).unwrap();
        let mut texts = Vec::new();
        let fault = loop {
            match lines.next() {
                Ok(Some(line)) => texts.push(line.text),
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
        };
        std::fs::remove_file(path).unwrap();
        (texts, fault, lines.is_chinese_utf8())
    }

    #[test]
    fn few_bytes_of_gb18030_may_be_utf_8_by_chance() {
        let (texts, fault, chinese_utf8) = read(b"\xC2\xA1,a\n", Encoding::Gb18030);
        assert_eq!((texts, fault.is_none(), chinese_utf8), (vec![Some("隆,a".to_owned())], true, false));
        let (_, _, chinese_utf8) = read("中国".as_bytes(), Encoding::Gb18030);
        assert!(chinese_utf8);
    }

    #[test]
    fn a_file_that_ends_inside_a_character_is_cut_off_there() {
        for (encoding, text) in
            [(Encoding::Utf8, "a\n中".as_bytes()), (Encoding::Gb18030, b"a\n\x82\x35\x8F\x33".as_slice())]
        {
            for cut in 3..text.len() {
                let (texts, fault, _) = read(&text[..cut], encoding);
                assert_eq!((texts, fault.is_none()), (vec![Some("a".to_owned()), None], true), "{encoding:?} {cut}");
            }
        }
    }

    #[test]
    fn a_fault_is_placed_and_the_other_encoding_tried() {
        let (_, fault, _) = read(b"a\nbc\xC4\xE3\n", Encoding::Utf8);
        assert!(
            matches!(fault, Some(Fault::Malformed { line: 2, byte: 3, other: Some(Encoding::Gb18030) })),
            "{fault:?}"
        );
        let (_, fault, _) = read("\u{FEFF}a\n中,b\n".as_bytes(), Encoding::Gb18030);
        assert!(matches!(fault, Some(Fault::Malformed { line: 2, byte: 3, other: Some(Encoding::Utf8) })), "{fault:?}");
        let (_, fault, _) = read(b"a\n\xFF\xC4\xE3\n", Encoding::Utf8);
        assert!(matches!(fault, Some(Fault::Malformed { line: 2, byte: 1, other: None })), "{fault:?}");
    }
}
