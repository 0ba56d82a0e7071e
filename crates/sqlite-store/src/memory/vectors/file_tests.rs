use proptest::prelude::*;

use super::*;

const DESCRIBED: Described = Described { stamp: [7; 16], length: 3 };

fn head(id: i64) -> Head {
    Head { id, no: id * 10, at: id, session: id % 2, kind: MemoryKind::Message }
}

fn filled(path: &Path, ids: impl IntoIterator<Item = i64>) -> VectorFile {
    let mut file = VectorFile::create(path, &DESCRIBED).unwrap();
    for id in ids {
        let vector = Rounded::of(&[1.0, id as f32 / 10.0, 0.0]);
        file.append(&record(&head(id), &vector)).unwrap();
    }
    file
}

fn near(file: &VectorFile, most: usize) -> Vec<i64> {
    let vector = Rounded::of(&[1.0, 0.0, 0.0]);
    let wanted = Wanted { vector: &vector, least: 0.1, most };
    let mut nos: Vec<i64> =
        file.scan(0..file.records(), &wanted, |_| true).unwrap().near.iter().map(|(no, _)| *no).collect();
    nos.sort_unstable();
    nos
}

#[test]
fn what_went_is_near_nothing_and_holds_no_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors");
    let mut file = filled(&path, [1, 2, 5, 9]);
    file.blank(&[2, 3, 9, 99]).unwrap();
    assert_eq!(near(&file, 10), [10, 50]);
    assert_eq!(file.last().unwrap(), 9);
    let bytes = std::fs::read(&path).unwrap();
    let second = &bytes[HEADER + HEAD + 3..HEADER + 2 * (HEAD + 3)];
    assert_eq!((number(second, 0), number(second, 8)), (2, 0));
    assert!(second[HEAD..].iter().all(|part| *part == 0));
}

#[test]
fn a_scope_counts_before_the_number_of_hits() {
    let dir = tempfile::tempdir().unwrap();
    let file = filled(&dir.path().join("vectors"), 1..200);
    let vector = Rounded::of(&[0.0, 1.0, 0.0]);
    let wanted = Wanted { vector: &vector, least: -2.0, most: 1 };
    let found = file.scan(0..file.records(), &wanted, |head| head.id == 1).unwrap();
    assert_eq!(found.near.iter().map(|(no, _)| *no).collect::<Vec<_>>(), [10]);
}

#[test]
fn a_file_that_is_missing_or_anothers_is_none_and_a_damaged_one_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vectors");
    assert!(VectorFile::open(&path, &DESCRIBED, false).unwrap().is_none());
    for text in ["", "FTVECT", "something else that somebody put here"] {
        std::fs::write(&path, text).unwrap();
        assert!(VectorFile::open(&path, &DESCRIBED, false).unwrap().is_none(), "{text}");
    }
    filled(&path, [1, 2, 3]);
    for other in [Described { length: 4, ..DESCRIBED }, Described { stamp: [8; 16], ..DESCRIBED }] {
        assert!(VectorFile::open(&path, &other, false).unwrap().is_none());
    }
    let whole = std::fs::read(&path).unwrap();
    // A record that was only begun is none, and the next one is written over it.
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let mut file = VectorFile::open(&path, &DESCRIBED, true).unwrap().unwrap();
    assert_eq!((file.last().unwrap(), near(&file, 9)), (2, vec![10, 20]));
    file.append(&record(&head(3), &Rounded::of(&[1.0, 0.0, 0.0]))).unwrap();
    assert_eq!(near(&file, 9), [10, 20, 30]);
    // What a power cut leaves: the length without the bytes.
    let mut cut = whole;
    cut[HEADER + HEAD + 3..].fill(0);
    std::fs::write(&path, &cut).unwrap();
    let file = VectorFile::open(&path, &DESCRIBED, false).unwrap().unwrap();
    assert_eq!(file.last().unwrap_err().kind(), ErrorKind::InvalidData);
    let vector = Rounded::of(&[1.0, 0.0, 0.0]);
    let wanted = Wanted { vector: &vector, least: 0.0, most: 9 };
    assert_eq!(file.scan(0..file.records(), &wanted, |_| true).unwrap_err().kind(), ErrorKind::InvalidData);
}

proptest! {
    #[test]
    fn rounding_moves_a_cosine_little(
        one in proptest::collection::vec(-1.0_f32..1.0, 64),
        other in proptest::collection::vec(-1.0_f32..1.0, 64),
    ) {
        let (Some(one), Some(other)) =
            (session_api::of_unit_length(one), session_api::of_unit_length(other)) else { return Ok(()) };
        let bytes = record(&head(1), &Rounded::of(&other));
        let about = Rounded::of(&one).nearness(&bytes[HEAD..], f32::from_le_bytes(four(&bytes, 36)));
        prop_assert!((about - session_api::nearness(&one, &other)).abs() < 0.02);
    }

    #[test]
    fn any_bytes_behind_the_header_are_read_without_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors");
        let mut bytes = header(&DESCRIBED).to_vec();
        bytes.extend(noise);
        std::fs::write(&path, &bytes).unwrap();
        let mut file = VectorFile::open(&path, &DESCRIBED, true).unwrap().unwrap();
        let vector = Rounded::of(&[1.0, 0.0, 0.0]);
        let _ = file.scan(0..file.records(), &Wanted { vector: &vector, least: -2.0, most: 3 }, |_| true);
        let _ = (file.last(), file.blank(&[1, 2, 3]));
    }
}
