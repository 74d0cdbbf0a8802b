use proptest::prelude::*;
use pulp::{Arch, WithSimd};

use super::super::format::Block;
use super::*;

const FORMATS: [(u32, Format); 11] = [
    (0, Format::F32),
    (1, Format::F16),
    (2, Format::Q4_0),
    (3, Format::Q4_1),
    (6, Format::Q5_0),
    (7, Format::Q5_1),
    (8, Format::Q8_0),
    (12, Format::Q4K),
    (13, Format::Q5K),
    (14, Format::Q6K),
    (30, Format::Bf16),
];

/// A file with one tensor of these bytes.
fn file(code: u32, rows: usize, columns: usize, data: &[u8]) -> Gguf {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'w');
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend((columns as u64).to_le_bytes());
    bytes.extend((rows as u64).to_le_bytes());
    bytes.extend(code.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    Gguf::open(super::super::synthetic::file_of(&bytes).path()).unwrap()
}

struct Unpack<'a> {
    weights: &'a Weights,
    panel: usize,
    first: usize,
    out: &'a mut [f32],
}

impl WithSimd for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.weights.unpack(simd, self.panel, self.first, self.out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Packed and unpacked again, the weights are those that stand in the rows.
    #[test]
    fn packing_keeps_every_weight(seed in any::<u64>(), rows in 1_usize..70) {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_pcg::Pcg64::seed_from_u64(seed);
        let columns = 512;
        for (code, format) in FORMATS {
            prop_assert_eq!(Format::from_code(code), Some(format));
            let stride = format.row_bytes(columns).unwrap();
            // Small exponents in every place where a number may stand keep all numbers finite.
            let data: Vec<u8> = (0..rows * stride).map(|_| rng.random::<u8>() & 0x3b).collect();
            let weights = Weights::read(&file(code, rows, columns, &data), "w", rows, columns).unwrap();
            let (mut expected, mut row_of) = (vec![0.0; columns], vec![0.0; columns]);
            let mut unpacked = vec![0.0; 256 * PANEL];
            for row in 0..rows {
                format.floats(&data[row * stride..][..stride], &mut expected);
                weights.row(row, &mut row_of);
                Arch::new().dispatch(Unpack { weights: &weights, panel: row / PANEL, first: 256, out: &mut unpacked });
                for column in 0..columns {
                    let near = |found: f32| (found - expected[column]).abs() <= 1e-5 * expected[column].abs().max(1e-3);
                    prop_assert!(near(row_of[column]), "{:?} row {} column {}", format, row, column);
                    if column >= 256 {
                        prop_assert!(near(unpacked[(column - 256) * PANEL + row % PANEL]), "{:?}", format);
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_hold_what_their_format_says() {
    let one = half::f16::ONE.to_le_bytes();
    let two = half::f16::from_f32(2.0).to_le_bytes();
    let weight =
        |block: &Block, at: usize| f32::from(block.quants[at]) * block.scale[at / 16] + block.offset[at / 16];

    let q4_0 = [&two[..], &[0x9f; 16]].concat();
    let block = Format::Q4_0.block(&q4_0, 0);
    assert_eq!((weight(&block, 3), weight(&block, 19)), (14.0, 2.0));

    let q4_1 = [&two[..], &one, &[0x21; 16]].concat();
    let block = Format::Q4_1.block(&q4_1, 0);
    assert_eq!((weight(&block, 0), weight(&block, 16)), (3.0, 5.0));

    // The fifth bits of weights 0 and 31.
    let q5_0 = [&one[..], &[1, 0, 0, 0x80], &[0x21; 16]].concat();
    let block = Format::Q5_0.block(&q5_0, 0);
    assert_eq!([0, 1, 16, 31].map(|at| weight(&block, at)), [1.0, -15.0, -14.0, 2.0]);

    let q8_0 = [&two[..], &[0xff; 32]].concat();
    assert_eq!(weight(&Format::Q8_0.block(&q8_0, 0), 7), -2.0);

    // Q4_K: scale 5 and least 3 in part 0, scale 33 (two bits elsewhere) and least 0 in part 4.
    let mut q4_k = [&two[..], &one, &[0; 12], &[0x42; 128]].concat();
    (q4_k[4], q4_k[8], q4_k[12]) = (5 | 2 << 6, 3, 1);
    let (first, fifth) = (Format::Q4K.block(&q4_k, 0), Format::Q4K.block(&q4_k, 4));
    assert_eq!((weight(&first, 0), weight(&fifth, 0)), (2.0 * 5.0 * 2.0 - 3.0, 2.0 * 33.0 * 2.0));

    // Q6_K: scales of halves differ; quants are six bits less 32.
    let mut q6_k = vec![0x01; 210];
    q6_k[208..].copy_from_slice(&one);
    q6_k[128] = 0b11;
    (q6_k[192], q6_k[193]) = (2, 0xff);
    let block = Format::Q6K.block(&q6_k, 0);
    assert_eq!((weight(&block, 0), weight(&block, 16)), (2.0 * (49.0 - 32.0), -(17.0 - 32.0)));
}
