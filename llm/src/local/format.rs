//! The number formats of GGUF tensors.

use half::{bf16, f16};

/// Weights that share a [`Block`].
pub(super) const BLOCK: usize = 32;

/// How a tensor's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// 32 weights: weight `i` is `scale * quant[i] + offset`, with one scale and offset per half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    pub(super) quants: [u8; BLOCK],
    pub(super) scale: [f32; 2],
    pub(super) offset: [f32; 2],
}

impl Block {
    fn uniform(quants: [u8; BLOCK], scale: f32, offset: f32) -> Self {
        Self { quants, scale: [scale; 2], offset: [offset; 2] }
    }
}

impl Format {
    pub(super) const NAMES: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K";

    /// The format behind the number in the file.
    pub(super) fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Weights in one unit of storage, and its bytes.
    const fn unit(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of a row; `None` when it is no whole number of units, or absurdly long.
    pub(super) fn row_bytes(self, columns: usize) -> Option<usize> {
        let (weights, bytes) = self.unit();
        if columns.is_multiple_of(weights) { (columns / weights).checked_mul(bytes) } else { None }
    }

    /// Bits that a quant takes; `None` for formats that are no quants.
    pub(super) fn quant_bits(self) -> Option<u32> {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => None,
            Self::Q4_0 | Self::Q4_1 | Self::Q4K => Some(4),
            Self::Q5_0 | Self::Q5_1 | Self::Q8_0 | Self::Q5K | Self::Q6K => Some(8),
        }
    }

    /// Weights that share a scale, in a [`Block`].
    pub(super) fn group(self) -> usize {
        if self == Self::Q6K { BLOCK / 2 } else { BLOCK }
    }

    /// The numbers of a row of a format that is no quant; its bytes are those of [`Self::row_bytes`].
    pub(super) fn floats(self, row: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (number, bytes) in out.iter_mut().zip(row.as_chunks().0) {
                    *number = f32::from_le_bytes(*bytes);
                }
            }
            Self::Bf16 => {
                for (number, bytes) in out.iter_mut().zip(row.as_chunks().0) {
                    *number = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
            Self::F16 => {
                for (number, bytes) in out.iter_mut().zip(row.as_chunks().0) {
                    *number = f16::from_le_bytes(*bytes).to_f32();
                }
            }
            _ => {
                for (index, numbers) in out.chunks_mut(BLOCK).enumerate() {
                    let block = self.block(row, index);
                    for (at, number) in numbers.iter_mut().enumerate() {
                        let half = 2 * at / BLOCK;
                        *number = f32::from(block.quants[at]).mul_add(block.scale[half], block.offset[half]);
                    }
                }
            }
        }
    }

    /// The block that holds weights `32 * index ..` of a row of quants.
    pub(super) fn block(self, row: &[u8], index: usize) -> Block {
        let (weights, bytes) = self.unit();
        let first = index * BLOCK / weights * bytes;
        let unit = &row[first..first + bytes];
        let part = index % (weights / BLOCK).max(1);
        match self {
            Self::Q4_0 => {
                let scale = half_at(unit, 0);
                Block::uniform(nibbles(&unit[2..]), scale, -8.0 * scale)
            }
            Self::Q4_1 => Block::uniform(nibbles(&unit[4..]), half_at(unit, 0), half_at(unit, 2)),
            Self::Q5_0 => {
                let scale = half_at(unit, 0);
                Block::uniform(with_fifth_bits(nibbles(&unit[6..]), &unit[2..6]), scale, -16.0 * scale)
            }
            Self::Q5_1 => Block::uniform(
                with_fifth_bits(nibbles(&unit[8..]), &unit[4..8]),
                half_at(unit, 0),
                half_at(unit, 2),
            ),
            Self::Q8_0 => {
                let scale = half_at(unit, 0);
                let quants = std::array::from_fn(|at| unit[2 + at] ^ 0x80);
                Block::uniform(quants, scale, -128.0 * scale)
            }
            Self::Q4K => {
                let (scale, offset) = scale_and_offset(unit, part);
                Block::uniform(half_bytes(&unit[16..], part), scale, offset)
            }
            Self::Q5K => {
                let (scale, offset) = scale_and_offset(unit, part);
                let low = half_bytes(&unit[48..], part);
                let quants = std::array::from_fn(|at| low[at] | ((unit[16 + at] >> part & 1) << 4));
                Block::uniform(quants, scale, offset)
            }
            Self::Q6K => six_bits(unit, part),
            Self::F32 | Self::F16 | Self::Bf16 => {
                unreachable!("a row of {self:?} has no blocks of quants")
            }
        }
    }
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// 16 bytes whose low halves are the first 16 quants and whose high halves are the others.
fn nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|at| bytes[at % 16] >> (4 * (at / 16)) & 15)
}

fn with_fifth_bits(quants: [u8; BLOCK], bits: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|at| quants[at] | ((bits[at / 8] >> (at % 8) & 1) << 4))
}

/// Of each 64 weights of a k-quant, 32 are the low halves of 32 bytes and 32 the high halves.
fn half_bytes(bytes: &[u8], part: usize) -> [u8; BLOCK] {
    std::array::from_fn(|at| bytes[part / 2 * 32 + at] >> (4 * (part % 2)) & 15)
}

/// Scale and offset of one of the eight parts of a Q4_K or Q5_K unit, six bits each.
fn scale_and_offset(unit: &[u8], part: usize) -> (f32, f32) {
    let packed = &unit[4..16];
    let (scale, least) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        (
            packed[part + 4] & 15 | (packed[part - 4] >> 6) << 4,
            packed[part + 4] >> 4 | (packed[part] >> 6) << 4,
        )
    };
    (half_at(unit, 0) * f32::from(scale), -half_at(unit, 2) * f32::from(least))
}

fn six_bits(unit: &[u8], part: usize) -> Block {
    let (low, high, scales) = (&unit[..128], &unit[128..192], &unit[192..208]);
    let (side, quarter) = (part / 4, part % 4);
    let quants = std::array::from_fn(|at| {
        let low = low[side * 64 + quarter % 2 * 32 + at] >> (4 * (quarter / 2)) & 15;
        let high = high[side * 32 + at] >> (2 * quarter) & 3;
        low | high << 4
    });
    let unit_scale = half_at(unit, 208);
    let scale = [0, 1].map(|half| unit_scale * f32::from(scales[part * 2 + half] as i8));
    Block { quants, scale, offset: scale.map(|scale| -32.0 * scale) }
}
