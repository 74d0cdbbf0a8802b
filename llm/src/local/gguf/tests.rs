use proptest::prelude::*;

use super::super::llama::Llama;
use super::super::synthetic::{self, file_of};
use super::super::tokenizer::Tokenizer;
use super::*;

fn open(bytes: &[u8]) -> Result<Gguf, Fault> {
    Gguf::open(file_of(bytes).path())
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

/// Everything that is read of a file before it computes.
fn read_all(bytes: &[u8]) -> Result<(), Fault> {
    let file = open(bytes)?;
    let tokenizer = Tokenizer::read(&file)?;
    super::super::chat_template::ChatTemplate::read(&file, &tokenizer)?;
    Llama::read(&file)?;
    Ok(())
}

#[test]
fn a_whole_file_is_read() {
    read_all(&synthetic::model().bytes()).unwrap();
}

#[test]
fn what_is_no_gguf_file_is_refused() {
    assert!(refusal(b"").contains("too short"));
    assert!(refusal(b"PK\x03\x04 and more").contains("not a GGUF file"));
    assert!(refusal(b"GGUF\x09\0\0\0\0\0\0\0").contains("version 9"));
}

#[test]
fn absurd_counts_are_refused_before_memory_is_taken() {
    for (tensors, entries) in [(0, u64::MAX), (u64::MAX, 0), (1 << 60, 0), (0, 1 << 40)] {
        let bytes = [&b"GGUF\x03\0\0\0"[..], &tensors.to_le_bytes(), &entries.to_le_bytes()].concat();
        assert!(refusal(&bytes).contains("announces"), "{tensors} {entries}");
    }
    // A text of 2^62 bytes.
    let bytes =
        [&b"GGUF\x03\0\0\0"[..], &0_u64.to_le_bytes(), &1_u64.to_le_bytes(), &(1_u64 << 62).to_le_bytes()];
    let bytes = [bytes.concat(), vec![0; 64]].concat();
    assert!(refusal(&bytes).contains("bytes in a text"));
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let bytes = synthetic::model().bytes();
    let cuts = (0..bytes.len() - 1).step_by(97).chain([bytes.len() - 1]);
    for cut in cuts {
        assert!(open(&bytes[..cut]).is_err(), "cut after {cut} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the header, reading ends with a model or an error: no panic, no exhausted memory.
    #[test]
    fn a_damaged_header_never_panics(changes in prop::collection::vec((0_usize..8192, any::<u8>()), 1..6)) {
        let mut bytes = synthetic::model().bytes();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let _ = read_all(&bytes);
    }

    #[test]
    fn absurd_numbers_in_the_header_never_panic(at in 0_usize..8192, number in prop::sample::select(vec![
        u64::MAX, u64::MAX - 31, 1 << 63, 1 << 62, 1 << 48, 1 << 32, u64::from(u32::MAX), 0,
    ])) {
        let mut bytes = synthetic::model().bytes();
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        let _ = read_all(&bytes);
    }
}
