//! Weight matrices, packed for the kernel.
//!
//! A matrix is cut into panels of 32 rows (outputs). Within a panel the 32 weights of one column (input)
//! lie side by side, so that quants unpack straight into the vectors that the kernel multiplies: the model
//! stays in memory as small as its file, and unpacking costs next to nothing beside the multiplication.

use pulp::Simd;
use rayon::prelude::*;

use super::fault::Fault;
use super::format::{BLOCK, Format};
use super::gguf::Gguf;

/// Rows of a weight matrix that lie side by side.
pub(super) const PANEL: usize = 32;
/// Half the weights of a panel's 32 columns.
const HALF_BLOCK: usize = BLOCK * PANEL / 2;

/// A matrix of weights with `rows` outputs and `columns` inputs.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) rows: usize,
    pub(super) columns: usize,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    /// Two quants a byte: of 32 columns, the first 16 are the low halves of 512 bytes, the others the high ones.
    Nibbles {
        quants: Vec<u8>,
        scales: Scales,
    },
    /// One quant a byte.
    Bytes {
        quants: Vec<u8>,
        scales: Scales,
    },
    Floats(Vec<f32>),
}

/// For each group of columns, the scales of the panel's rows and then their offsets.
#[derive(Debug)]
struct Scales {
    numbers: Vec<[[f32; PANEL]; 2]>,
    /// Columns in a group.
    group: usize,
}

impl Weights {
    /// Reads a tensor of the file.
    pub(super) fn read(file: &Gguf, name: &str, rows: usize, columns: usize) -> Result<Self, Fault> {
        let (tensor, bytes) = file.tensor(name, rows, columns)?;
        if !columns.is_multiple_of(BLOCK) {
            return Err(Fault::new(format!(
                "tensor `{name}` has rows of {columns} values, no multiple of {BLOCK}"
            )));
        }
        let stride = bytes.len() / rows;
        let panels = rows.div_ceil(PANEL);
        let format = tensor.format;
        let rows_of = |panel: usize| bytes[panel * PANEL * stride..].chunks_exact(stride).take(PANEL);
        let storage = match format.quant_bits() {
            None => {
                let mut floats = vec![0.0; panels * columns * PANEL];
                floats.par_chunks_mut(columns * PANEL).enumerate().for_each(|(panel, packed)| {
                    pack_floats(format, rows_of(panel), columns, packed);
                });
                Storage::Floats(floats)
            }
            Some(bits) => {
                let group = format.group();
                let column_bytes = PANEL * bits as usize / 8;
                let mut quants = vec![0; panels * columns * column_bytes];
                let mut numbers = vec![[[0.0; PANEL]; 2]; panels * columns / group];
                quants
                    .par_chunks_mut(columns * column_bytes)
                    .zip(numbers.par_chunks_mut(columns / group))
                    .enumerate()
                    .for_each(|(panel, (quants, numbers))| {
                        pack_quants(format, rows_of(panel), columns, quants, numbers);
                    });
                let scales = Scales { numbers, group };
                if bits == 4 {
                    Storage::Nibbles { quants, scales }
                } else {
                    Storage::Bytes { quants, scales }
                }
            }
        };
        Ok(Self { rows, columns, storage })
    }

    pub(super) fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL)
    }

    /// Unpacks the columns `first..` of a panel, 32 weights per column, until `out` is full. Both `first`
    /// and the number of columns are multiples of [`BLOCK`].
    #[inline(always)]
    pub(super) fn unpack<S: Simd>(&self, simd: S, panel: usize, first: usize, out: &mut [f32]) {
        let start = panel * self.columns + first;
        // First the quants as they are, in long plain loops that become vector instructions.
        let scales = match &self.storage {
            Storage::Floats(floats) => {
                out.copy_from_slice(&floats[start * PANEL..][..out.len()]);
                return;
            }
            Storage::Nibbles { quants, scales } => {
                let quants = quants[start * PANEL / 2..].chunks_exact(HALF_BLOCK);
                for (out, quants) in out.chunks_exact_mut(2 * HALF_BLOCK).zip(quants) {
                    let (low, high) = out.split_at_mut(HALF_BLOCK);
                    for (out, quant) in low.iter_mut().zip(quants) {
                        *out = f32::from(quant & 15);
                    }
                    for (out, quant) in high.iter_mut().zip(quants) {
                        *out = f32::from(quant >> 4);
                    }
                }
                scales
            }
            Storage::Bytes { quants, scales } => {
                for (out, quant) in out.iter_mut().zip(&quants[start * PANEL..]) {
                    *out = f32::from(*quant);
                }
                scales
            }
        };
        let groups = out.chunks_exact_mut(scales.group * PANEL);
        for (out, [scale, offset]) in groups.zip(&scales.numbers[start / scales.group..]) {
            let ((scale, _), (offset, _)) = (S::as_simd_f32s(scale), S::as_simd_f32s(offset));
            for column in out.chunks_exact_mut(PANEL) {
                let (column, _) = S::as_mut_simd_f32s(column);
                for ((out, scale), offset) in column.iter_mut().zip(scale).zip(offset) {
                    *out = simd.mul_add_f32s(*out, *scale, *offset);
                }
            }
        }
    }

    /// The weights of one row, one per column.
    pub(super) fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, lane) = (row / PANEL, row % PANEL);
        let start = panel * self.columns;
        for (column, out) in out.iter_mut().enumerate() {
            let at = start + column;
            let (quant, scales) = match &self.storage {
                Storage::Floats(floats) => {
                    *out = floats[at * PANEL + lane];
                    continue;
                }
                Storage::Nibbles { quants, scales } => {
                    let half = at % BLOCK / 16;
                    let byte = at / BLOCK * HALF_BLOCK + at % 16 * PANEL + lane;
                    (quants[byte] >> (4 * half) & 15, scales)
                }
                Storage::Bytes { quants, scales } => (quants[at * PANEL + lane], scales),
            };
            let [scale, offset] = &scales.numbers[at / scales.group];
            *out = f32::from(quant) * scale[lane] + offset[lane];
        }
    }
}

fn pack_floats<'a>(format: Format, rows: impl Iterator<Item = &'a [u8]>, columns: usize, packed: &mut [f32]) {
    let mut floats = vec![0.0; columns];
    for (lane, row) in rows.enumerate() {
        format.floats(row, &mut floats);
        for (column, &number) in floats.iter().enumerate() {
            packed[column * PANEL + lane] = number;
        }
    }
}

fn pack_quants<'a>(
    format: Format,
    rows: impl Iterator<Item = &'a [u8]>,
    columns: usize,
    quants: &mut [u8],
    numbers: &mut [[[f32; PANEL]; 2]],
) {
    let column_bytes = quants.len() / columns;
    let groups = BLOCK / format.group();
    for (lane, row) in rows.enumerate() {
        for index in 0..columns / BLOCK {
            let block = format.block(row, index);
            for group in 0..groups {
                let [scale, offset] = &mut numbers[index * groups + group];
                scale[lane] = block.scale[group];
                offset[lane] = block.offset[group];
            }
            let packed = &mut quants[index * BLOCK * column_bytes..][..BLOCK * column_bytes];
            if column_bytes == PANEL {
                for (quant, packed) in block.quants.iter().zip(packed.as_chunks_mut::<PANEL>().0) {
                    packed[lane] = *quant;
                }
            } else {
                let (low, high) = block.quants.split_at(16);
                for ((low, high), packed) in low.iter().zip(high).zip(packed.as_chunks_mut::<PANEL>().0) {
                    packed[lane] = low | high << 4;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
