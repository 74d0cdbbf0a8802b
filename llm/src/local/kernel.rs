//! The arithmetic that takes the time: one multiplication kernel, and the few vector functions beside it.
//!
//! Every sum runs over its terms in one fixed order, whatever the number of rows: the result for a token does
//! not depend on what else is computed with it.
//!
//! All functions are inlined into their caller, which runs inside [`pulp::Arch::dispatch`]: only there does
//! the compiler use the wide instructions of the machine.

use pulp::Simd;

use super::panels::PANEL;

/// Rows of numbers, in the order in which the kernel reads them: tiles of some rows each (the last ones with
/// fewer), and in a tile the numbers of one column side by side.
#[derive(Debug, Default)]
pub(super) struct Tiles {
    numbers: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Tiles {
    /// Takes the first `columns` numbers of each row; a row begins every `stride` numbers.
    #[inline(always)]
    pub(super) fn pack<S: Simd>(&mut self, rows: &[f32], stride: usize, columns: usize) {
        self.rows = rows.len() / stride;
        self.columns = columns;
        self.numbers.resize(self.rows * columns, 0.0);
        let mut row = 0;
        while row < self.rows {
            let height = tile_height::<S>(self.rows - row);
            let tile = &mut self.numbers[row * columns..][..height * columns];
            for lane in 0..height {
                let numbers = &rows[(row + lane) * stride..][..columns];
                for (packed, number) in tile.chunks_exact_mut(height).zip(numbers) {
                    packed[lane] = *number;
                }
            }
            row += height;
        }
    }
}

/// Rows of the next tile when so many are left: as many as leave registers for the other factor.
#[inline(always)]
fn tile_height<S: Simd>(left: usize) -> usize {
    let most = match S::F32_LANES {
        16 => 12,
        8 => 6,
        _ => 4,
    };
    match left.min(most) {
        12 => 12,
        8.. => 8,
        6.. => 6,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

/// `out[i][j] += sum over k of left[i][first + k] * right[k][j]`, for 32 columns `j` and as many terms as `right`
/// has rows of 32. A row of `out` begins every `stride` numbers.
#[inline(always)]
pub(super) fn multiply<S: Simd>(
    simd: S,
    left: &Tiles,
    first: usize,
    right: &[f32],
    out: &mut [f32],
    stride: usize,
) {
    let (right, _) = right.as_chunks::<PANEL>();
    let mut row = 0;
    while row < left.rows {
        let height = tile_height::<S>(left.rows - row);
        let tile = &left.numbers[row * left.columns + first * height..][..right.len() * height];
        let out = &mut out[row * stride..];
        match height {
            12 => multiply_tile::<S, 12>(simd, tile, right, out, stride),
            8 => multiply_tile::<S, 8>(simd, tile, right, out, stride),
            6 => multiply_tile::<S, 6>(simd, tile, right, out, stride),
            4 => multiply_tile::<S, 4>(simd, tile, right, out, stride),
            2 => multiply_tile::<S, 2>(simd, tile, right, out, stride),
            _ => multiply_tile::<S, 1>(simd, tile, right, out, stride),
        }
        row += height;
    }
}

/// [`multiply`] for the rows of one tile, whose sums stay in registers: indexes are such that no check is left in
/// the inner loop.
#[inline(always)]
fn multiply_tile<S: Simd, const ROWS: usize>(
    simd: S,
    left: &[f32],
    right: &[[f32; PANEL]],
    out: &mut [f32],
    stride: usize,
) {
    let (left, _) = left.as_chunks::<ROWS>();
    let width = 2 * S::F32_LANES;
    for pair in 0..PANEL / width {
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            let (vectors, _) = S::as_simd_f32s(&out[row * stride + pair * width..][..width]);
            *sums = [vectors[0], vectors[1]];
        }
        for (left, right) in left.iter().zip(right) {
            let (vectors, _) = S::as_simd_f32s(right);
            let [low, high] = [vectors[2 * pair], vectors[2 * pair + 1]];
            for row in 0..ROWS {
                let factor = simd.splat_f32s(left[row]);
                sums[row][0] = simd.mul_add_f32s(factor, low, sums[row][0]);
                sums[row][1] = simd.mul_add_f32s(factor, high, sums[row][1]);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let (vectors, _) = S::as_mut_simd_f32s(&mut out[row * stride + pair * width..][..width]);
            vectors.copy_from_slice(sums);
        }
    }
}

/// `numbers / rms(numbers) * weights`, into `out`.
#[inline(always)]
pub(super) fn rms_norm(numbers: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
    let squares = lane_sum(numbers, |number| number * number);
    let scale = (squares / numbers.len() as f32 + epsilon).sqrt().recip();
    for ((out, number), weight) in out.iter_mut().zip(numbers).zip(weights) {
        *out = number * scale * weight;
    }
}

/// Makes probabilities of scores.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32]) {
    let most = strands(scores, f32::NEG_INFINITY, |most, score| if score > most { score } else { most })
        .into_iter()
        .fold(f32::NEG_INFINITY, f32::max);
    for score in &mut *scores {
        *score = exp(*score - most);
    }
    let scale = lane_sum(scores, |number| number).recip();
    for score in scores {
        *score *= scale;
    }
}

/// `gate * sigmoid(gate) * up`, into `out`.
#[inline(always)]
pub(super) fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = gate / (1.0 + exp(-gate)) * up;
    }
}

/// A sum whose terms are made of the numbers.
#[inline(always)]
fn lane_sum(numbers: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    strands(numbers, 0.0, |sum, number| sum + term(number)).iter().sum()
}

/// A fold in 16 strands, so that it runs in vectors whose width does not show in the result.
#[inline(always)]
fn strands(numbers: &[f32], start: f32, step: impl Fn(f32, f32) -> f32) -> [f32; 16] {
    let (chunks, rest) = numbers.as_chunks::<16>();
    let mut strands = [start; 16];
    for chunk in chunks {
        for (strand, &number) in strands.iter_mut().zip(chunk) {
            *strand = step(*strand, number);
        }
    }
    for (strand, &number) in strands.iter_mut().zip(rest) {
        *strand = step(*strand, number);
    }
    strands
}

/// e to the power of `x`, to about 2 units in the last place; 0 far below, saturated above 88.
///
/// A polynomial, because `f32::exp` is a call that does not become vector instructions.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const COEFFICIENTS: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    const ROUNDING: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let power = x * std::f32::consts::LOG2_E + ROUNDING;
    let whole = power - ROUNDING;
    // ln 2 in two parts, of which the first has few digits: `whole * LN_2_HIGH` is exact.
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut sum = COEFFICIENTS[0];
    for coefficient in &COEFFICIENTS[1..] {
        sum = sum * rest + coefficient;
    }
    let fraction = sum * rest * rest + rest + 1.0;
    // The whole part goes into the exponent's bits.
    f32::from_bits(fraction.to_bits().wrapping_add(power.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Multiply<'a> {
        left: &'a [f32],
        columns: usize,
        right: &'a [f32],
        out: &'a mut [f32],
    }

    impl pulp::WithSimd for Multiply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let mut tiles = Tiles::default();
            tiles.pack::<S>(self.left, self.columns, self.columns);
            // In two parts, as the terms of a long sum come.
            let (first, second) = self.right.split_at(24 * PANEL);
            multiply(simd, &tiles, 0, first, self.out, PANEL);
            multiply(simd, &tiles, 24, second, self.out, PANEL);
        }
    }

    fn numbers(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|index| (index as f32 * step).sin()).collect()
    }

    #[test]
    fn a_product_is_the_sum_of_products_whatever_the_number_of_rows() {
        let depth = 40;
        let (left, right) = (numbers(31 * depth, 0.37), numbers(depth * PANEL, 0.11));
        let mut whole = vec![1.0; 31 * PANEL];
        let (left, right) = (&left, &right);
        pulp::Arch::new().dispatch(Multiply { left, columns: depth, right, out: &mut whole });
        for row in 0..31 {
            let left_row = &left[row * depth..][..depth];
            let mut alone = vec![1.0; PANEL];
            pulp::Arch::new().dispatch(Multiply { left: left_row, columns: depth, right, out: &mut alone });
            assert_eq!(alone, whole[row * PANEL..][..PANEL], "row {row}");
            for (column, &found) in alone.iter().enumerate() {
                let expected: f64 =
                    (0..depth).map(|k| f64::from(left_row[k]) * f64::from(right[k * PANEL + column])).sum();
                assert!((f64::from(found) - 1.0 - expected).abs() < 1e-4, "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn the_width_of_vectors_does_not_show() {
        use pulp::{Scalar, Simd};

        let (left, right) = (numbers(23 * 40, 0.37), numbers(40 * PANEL, 0.11));
        let (mut wide, mut narrow) = (vec![0.0; 23 * PANEL], vec![0.0; 23 * PANEL]);
        let (left, right) = (&left, &right);
        pulp::Arch::new().dispatch(Multiply { left, columns: 40, right, out: &mut wide });
        Scalar::new().vectorize(Multiply { left, columns: 40, right, out: &mut narrow });
        assert_eq!(wide, narrow);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            let mut half = vec![0.0; 23 * PANEL];
            Simd::vectorize(simd, Multiply { left, columns: 40, right, out: &mut half });
            assert_eq!(wide, half);
        }
    }

    #[test]
    fn the_exponential_is_close_over_its_whole_range() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 4e-7, "exp({x}) is off by {error:e}");
        }
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn probabilities_add_up_to_one() {
        let mut scores = numbers(77, 1.3);
        softmax(&mut scores);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
