//! Pixels as planes of luminance and of chrominance at half the resolution (4:2:0), and
//! back, by the conversion of JFIF.

use super::cosine::{self, Divisors, SIDE};
use super::nearest;
use super::tables::Tables;

/// A plane of levels from 0 to 255, continued to whole blocks by its last column and row.
struct Plane {
    height: usize,
    width: usize,
    /// Values of a row, with those added.
    stride: usize,
    values: Vec<i16>,
}

impl Plane {
    fn new(height: usize, width: usize) -> Self {
        let stride = width.next_multiple_of(SIDE);
        Self {
            height,
            width,
            stride,
            values: vec![0; stride * height.next_multiple_of(SIDE)],
        }
    }

    #[inline(always)]
    fn row(&self, y: usize) -> &[i16] {
        &self.values[y * self.stride..(y + 1) * self.stride]
    }

    #[inline(always)]
    fn row_mut(&mut self, y: usize) -> &mut [i16] {
        &mut self.values[y * self.stride..(y + 1) * self.stride]
    }

    /// Compresses the whole plane, once its rows are there.
    #[inline(always)]
    fn compress(&mut self, table: &[u8; 64]) {
        let (height, stride) = (self.height, self.stride);
        for y in height..self.values.len() / stride {
            self.values
                .copy_within((height - 1) * stride..height * stride, y * stride);
        }
        let divisors = Divisors::new(table);
        for strip in self.values.chunks_exact_mut(SIDE * stride) {
            cosine::compress(strip, &divisors);
        }
    }
}

/// The level of a value on the unit scale; what is no number is black.
#[inline(always)]
fn level(value: f32) -> i32 {
    let value = if value > 0.0 { value } else { 0.0 };
    nearest(255.0 * value.min(1.0))
}

/// Fills up a row from `width` on with the value before.
#[inline(always)]
fn extend(row: &mut [i16], width: usize) {
    let last = row[width - 1];
    row[width..].fill(last);
}

/// Compresses one plane of values on the unit scale.
#[inline(always)]
pub fn compress_grey(values: &mut [f32], width: usize, tables: &Tables) {
    let mut plane = Plane::new(values.len() / width, width);
    for (y, values) in values.chunks_exact(width).enumerate() {
        let row = plane.row_mut(y);
        for (level_of, value) in row.iter_mut().zip(values) {
            *level_of = level(*value) as i16;
        }
        extend(row, width);
    }
    plane.compress(&tables.luminance);
    for (y, values) in values.chunks_exact_mut(width).enumerate() {
        for (value, level) in values.iter_mut().zip(plane.row(y)) {
            *value = f32::from(*level) / 255.0;
        }
    }
}

/// Compresses the planes of red, green and blue.
#[inline(always)]
pub fn compress_colours(colours: &mut [&mut [f32]; 3], width: usize, tables: &Tables) {
    let [red, green, blue] = colours;
    let height = red.len() / width;
    let mut luminance = Plane::new(height, width);
    let mut chrominance = [0, 1].map(|_| Plane::new(height.div_ceil(2), width.div_ceil(2)));
    // Two rows of each at full resolution, as far as the halved ones reach.
    let reach = 2 * chrominance[0].stride;
    let mut full = [0, 1].map(|_| [0, 1].map(|_| vec![0; reach]));
    for pair in 0..height.div_ceil(2) {
        for (below, [cb, cr]) in full.iter_mut().enumerate() {
            let y = (2 * pair + below).min(height - 1);
            let at = y * width..(y + 1) * width;
            let row = luminance.row_mut(y);
            to_luminance_and_chrominance(
                [&red[at.clone()], &green[at.clone()], &blue[at]],
                [&mut row[..width], &mut cb[..width], &mut cr[..width]],
            );
            for row in [row, cb, cr] {
                extend(row, width);
            }
        }
        for (part, plane) in chrominance.iter_mut().enumerate() {
            halve(&full[0][part], &full[1][part], plane.row_mut(pair));
        }
    }
    luminance.compress(&tables.luminance);
    for plane in &mut chrominance {
        plane.compress(&tables.chrominance);
    }
    let [[cb, cr], _] = &mut full;
    let mut sums = vec![0; chrominance[0].width];
    for y in 0..height {
        double(&chrominance[0], y, &mut sums, cb);
        double(&chrominance[1], y, &mut sums, cr);
        let at = y * width..(y + 1) * width;
        to_colours(
            [&luminance.row(y)[..width], &cb[..width], &cr[..width]],
            [&mut red[at.clone()], &mut green[at.clone()], &mut blue[at]],
        );
    }
}

/// `value` in units of 2⁻¹⁶.
const fn fixed(value: f64) -> i32 {
    (value * 65_536.0 + 0.5) as i32
}

const HALF: i32 = 1 << 15;

#[inline(always)]
fn to_luminance_and_chrominance([red, green, blue]: [&[f32]; 3], [y, cb, cr]: [&mut [i16]; 3]) {
    let colours = red.iter().zip(green).zip(blue);
    let parts = y.iter_mut().zip(cb).zip(cr);
    for (((red, green), blue), ((y, cb), cr)) in colours.zip(parts) {
        let (red, green, blue) = (level(*red), level(*green), level(*blue));
        let luminance = fixed(0.299) * red + fixed(0.587) * green + fixed(0.114) * blue;
        let bluish = -fixed(0.168_74) * red - fixed(0.331_26) * green + HALF * blue;
        let reddish = HALF * red - fixed(0.418_69) * green - fixed(0.081_31) * blue;
        let centre = (128 << 16) + HALF - 1;
        *y = ((luminance + HALF) >> 16) as i16;
        *cb = ((bluish + centre) >> 16) as i16;
        *cr = ((reddish + centre) >> 16) as i16;
    }
}

#[inline(always)]
fn to_colours([y, cb, cr]: [&[i16]; 3], [red, green, blue]: [&mut [f32]; 3]) {
    let parts = y.iter().zip(cb).zip(cr);
    let colours = red.iter_mut().zip(green).zip(blue);
    for (((y, cb), cr), ((red, green), blue)) in parts.zip(colours) {
        let (y, cb, cr) = (i32::from(*y), i32::from(*cb) - 128, i32::from(*cr) - 128);
        let value = |level: i32| level.clamp(0, 255) as f32 / 255.0;
        *red = value(y + ((fixed(1.402) * cr + HALF) >> 16));
        *green = value(y + ((HALF - fixed(0.344_14) * cb - fixed(0.714_14) * cr) >> 16));
        *blue = value(y + ((fixed(1.772) * cb + HALF) >> 16));
    }
}

/// The means of four pixels each, halves rounded down and up in turn.
#[inline(always)]
fn halve(one: &[i16], other: &[i16], row: &mut [i16]) {
    let fours = one.chunks_exact(2).zip(other.chunks_exact(2));
    for (at, (value, (one, other))) in row.iter_mut().zip(fours).enumerate() {
        let bias = 1 + (at as i16 & 1);
        *value = (one[0] + one[1] + other[0] + other[1] + bias) >> 2;
    }
}

/// Row `y` at full resolution: between the middles of pixels, by a triangle filter with
/// weights of three quarters and one.
#[inline(always)]
fn double(plane: &Plane, y: usize, sums: &mut [i16], row: &mut [i16]) {
    let near = y / 2;
    let Plane { height, width, .. } = *plane;
    let far = if y.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(height - 1)
    };
    if width <= 2 {
        // As libjpeg does with images that are not wide enough for its filter.
        for (pair, value) in row.chunks_exact_mut(2).zip(plane.row(near)) {
            pair.fill(*value);
        }
        return;
    }
    for (sum, (near, far)) in sums
        .iter_mut()
        .zip(plane.row(near).iter().zip(plane.row(far)))
    {
        *sum = 3 * near + far;
    }
    let last = width - 1;
    let inner = sums.windows(3).zip(row[2..].chunks_exact_mut(2));
    for (sums, pair) in inner {
        pair[0] = (3 * sums[1] + sums[0] + 8) >> 4;
        pair[1] = (3 * sums[1] + sums[2] + 7) >> 4;
    }
    row[0] = (4 * sums[0] + 8) >> 4;
    row[1] = (3 * sums[0] + sums[1] + 7) >> 4;
    row[2 * last] = (3 * sums[last] + sums[last - 1] + 8) >> 4;
    row[2 * last + 1] = (4 * sums[last] + 7) >> 4;
}
