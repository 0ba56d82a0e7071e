//! zlib without compressing, which is all that a client can tell apart from the real thing.

/// How frames of a connection are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As text.
    Plain,
    /// One zlib stream for the whole connection (`compress=zlib-stream`); whether it has begun.
    Stream(bool),
}

/// A frame of a connection's one stream: it ends with a flush, which tells the client that the frame is whole.
pub(super) fn piece(bytes: &[u8], begun: bool) -> Vec<u8> {
    let mut out = if begun { Vec::new() } else { vec![0x78, 0x01] };
    stored(&mut out, bytes, false);
    out.extend([0x00, 0x00, 0x00, 0xFF, 0xFF]);
    out
}

/// A frame that is a stream of its own (`compress` in Identify).
pub(super) fn whole(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    stored(&mut out, bytes, true);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend(((b << 16) | a).to_be_bytes());
    out
}

fn stored(out: &mut Vec<u8>, bytes: &[u8], last: bool) {
    let pieces: Vec<&[u8]> = bytes.chunks(0xFFFF).collect();
    for (at, piece) in pieces.iter().enumerate() {
        out.push(u8::from(last && at + 1 == pieces.len()));
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(*piece);
    }
}
