//! The file that searches read: each vector as one byte for each part, one record behind the other.
//!
//! It holds nothing that the database does not hold, and is made anew from it where it is missing, damaged or another's. It is
//! read by positioned reads, a block at a time: what a search passes over stays in the system's cache of the file and is none
//! of this process's memory, and a file that is cut short by somebody else is an error and no signal.
//!
//! The whole is of fixed sizes. A record: `id`, `no`, the time, the session (0: a note) as 8 bytes each, the kind (4), the
//! scale (4), then the parts. `no` 0 marks one whose vector went.

use std::{
    cmp::Ordering,
    fs::{self, File},
    io::{self, ErrorKind},
    ops::Range,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use session_api::MemoryKind;

/// What the file begins with; its last byte is the version of the format.
const MAGIC: [u8; 8] = *b"FTVECT\0\x01";
/// Bytes before the first record: the magic, the stamp, the number of parts.
const HEADER: usize = 32;
/// Bytes of a record before its parts.
const HEAD: usize = 40;
/// About so many bytes are read at once: they stay in the cache of a core until they are compared.
const BLOCK: usize = 64 * 1024;
/// Greatest value of a part.
const MOST: f32 = 127.0;

/// What the database says of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) stamp: [u8; 16],
    /// Parts of a vector.
    pub(super) length: usize,
}

/// A record without its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) id: i64,
    /// The number of the text; 0: it went.
    pub(super) no: i64,
    pub(super) at: i64,
    /// 0 for a note.
    pub(super) session: i64,
    pub(super) kind: MemoryKind,
}

/// A vector in whole numbers, and what one of them is worth.
pub(super) struct Rounded {
    parts: Vec<i16>,
    scale: f32,
}

impl Rounded {
    pub(super) fn of(vector: &[f32]) -> Self {
        let most = vector.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
        let scale = if most > 0.0 { most / MOST } else { 1.0 };
        Self { parts: vector.iter().map(|part| (part / scale).round() as i16).collect(), scale }
    }

    /// About the cosine with the vector of a record.
    fn nearness(&self, parts: &[u8], scale: f32) -> f32 {
        let sum: i32 =
            self.parts.iter().zip(parts).map(|(a, b)| i32::from(*a) * i32::from(b.cast_signed())).sum();
        sum as f32 * self.scale * scale
    }
}

/// The bytes of a record.
pub(super) fn record(head: &Head, vector: &Rounded) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + vector.parts.len());
    for number in [head.id, head.no, head.at, head.session] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend((head.kind as u32).to_le_bytes());
    bytes.extend(vector.scale.to_le_bytes());
    bytes.extend(vector.parts.iter().map(|part| part.to_le_bytes()[0]));
    bytes
}

fn number(bytes: &[u8], at: usize) -> i64 {
    let eight = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    i64::from_le_bytes(eight.unwrap_or_default())
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
}

fn read_head(bytes: &[u8]) -> Option<Head> {
    let kind = match u32::from_le_bytes(four(bytes, 32)) {
        0 => MemoryKind::Message,
        1 => MemoryKind::Result,
        2 => MemoryKind::Note,
        _ => return None,
    };
    let (id, no) = (number(bytes, 0), number(bytes, 8));
    let (at, session) = (number(bytes, 16), number(bytes, 24));
    (id > 0).then_some(Head { id, no, at, session, kind })
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the file of vectors is damaged")
}

/// What a search is after.
pub(super) struct Wanted<'a> {
    pub(super) vector: &'a Rounded,
    /// What is farther is not kept.
    pub(super) least: f32,
    /// So many of the nearest are kept.
    pub(super) most: usize,
}

/// What a search found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scanned {
    /// Numbers of texts with their nearness, in no order.
    pub(super) near: Vec<(i64, f32)>,
    /// Records in the file, and those of them whose vectors went.
    pub(super) records: usize,
    pub(super) gone: usize,
}

/// The open file.
#[derive(Debug)]
pub(super) struct VectorFile {
    file: File,
    length: usize,
    records: u64,
}

impl VectorFile {
    /// The file at `path`; `None` where there is none, or another's.
    pub(super) fn open(path: &Path, described: &Described, write: bool) -> io::Result<Option<Self>> {
        let file = match File::options().read(true).write(write).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        if header != self::header(described) {
            return Ok(None);
        }
        let size = file.metadata()?.len().saturating_sub(HEADER as u64);
        let records = size / (HEAD + described.length) as u64;
        Ok(Some(Self { file, length: described.length, records }))
    }

    /// An empty one in the place of whatever is there.
    pub(super) fn create(path: &Path, described: &Described) -> io::Result<Self> {
        let draft = path.with_extension("new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::options().create_new(true).read(true).write(true).mode(0o600).open(&draft)?;
        file.write_all_at(&header(described), 0)?;
        fs::rename(&draft, path)?;
        Ok(Self { file, length: described.length, records: 0 })
    }

    fn size(&self) -> usize {
        HEAD + self.length
    }

    fn place(&self, index: u64) -> u64 {
        HEADER as u64 + index * self.size() as u64
    }

    fn head(&self, index: u64) -> io::Result<Head> {
        let mut bytes = [0; HEAD];
        self.file.read_exact_at(&mut bytes, self.place(index))?;
        read_head(&bytes).ok_or_else(damaged)
    }

    /// The place of the last vector; 0 where there is none.
    pub(super) fn last(&self) -> io::Result<i64> {
        self.records.checked_sub(1).map_or(Ok(0), |last| self.head(last).map(|head| head.id))
    }

    /// Adds records, which come behind all that are there. What a process left unfinished is written over.
    pub(super) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        self.file.write_all_at(records, self.place(self.records))?;
        self.records += (records.len() / self.size()) as u64;
        Ok(())
    }

    /// Takes the vectors at these places out, where they are here.
    pub(super) fn blank(&mut self, ids: &[i64]) -> io::Result<()> {
        for id in ids {
            let (mut from, mut end) = (0, self.records);
            while from < end {
                let middle = from + (end - from) / 2;
                let head = self.head(middle)?;
                match head.id.cmp(id) {
                    Ordering::Less => from = middle + 1,
                    Ordering::Greater => end = middle,
                    Ordering::Equal => {
                        let nothing = Rounded { parts: vec![0; self.length], scale: 0.0 };
                        let bytes = record(&Head { no: 0, at: 0, session: 0, ..head }, &nothing);
                        self.file.write_all_at(&bytes, self.place(middle))?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes sure that what was taken out is out on the disk.
    pub(super) fn settle(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// How many records there are.
    pub(super) fn records(&self) -> usize {
        usize::try_from(self.records).unwrap_or(0)
    }

    /// The nearest among these records that `allowed` lets through, which is asked before anything is compared.
    pub(super) fn scan(
        &self,
        among: Range<usize>,
        wanted: &Wanted<'_>,
        allowed: impl Fn(&Head) -> bool,
    ) -> io::Result<Scanned> {
        let size = self.size();
        let at_once = (BLOCK / size).max(1);
        let mut block = vec![0; at_once * size];
        let mut scanned = Scanned { records: among.len(), ..Scanned::default() };
        let (mut last, mut least, mut index) = (0, wanted.least, among.start);
        while index < among.end {
            let count = at_once.min(among.end - index);
            let bytes = &mut block[..count * size];
            self.file.read_exact_at(bytes, self.place(index as u64))?;
            for record in bytes.chunks_exact(size) {
                let head = read_head(record).filter(|head| head.id > last).ok_or_else(damaged)?;
                last = head.id;
                if head.no == 0 {
                    scanned.gone += 1;
                    continue;
                }
                if !allowed(&head) {
                    continue;
                }
                let scale = f32::from_le_bytes(four(record, 36));
                let nearness = wanted.vector.nearness(&record[HEAD..], scale);
                if nearness >= least {
                    scanned.near.push((head.no, nearness));
                    if scanned.near.len() >= 2 * wanted.most.max(1) {
                        least = least.max(cut(&mut scanned.near, wanted.most));
                    }
                }
            }
            index += count;
        }
        cut(&mut scanned.near, wanted.most);
        Ok(scanned)
    }
}

/// Leaves the nearest; how near the farthest of them is.
fn cut(near: &mut Vec<(i64, f32)>, most: usize) -> f32 {
    if near.len() > most.max(1) {
        near.select_nth_unstable_by(most.max(1) - 1, |(_, one), (_, other)| other.total_cmp(one));
        near.truncate(most.max(1));
    }
    near.iter().fold(f32::INFINITY, |least, (_, nearness)| least.min(*nearness))
}

fn header(described: &Described) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..24].copy_from_slice(&described.stamp);
    header[24..].copy_from_slice(&(described.length as u64).to_le_bytes());
    header
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
