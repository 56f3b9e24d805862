//! The quantisation tables that T.81 recommends (annex K.1), scaled by a quality.

/// By what each coefficient of a block is divided, row after row.
pub struct Tables {
    /// For luminance.
    pub luminance: [u8; 64],
    /// For chrominance.
    pub chrominance: [u8; 64],
}

impl Tables {
    /// For a quality from 1 to 100, as libjpeg scales them; whole numbers are not
    /// required.
    pub fn new(quality: f64) -> Self {
        let percent = if quality < 50.0 {
            5_000.0 / quality
        } else {
            200.0 - 2.0 * quality
        };
        let percent = percent as u32;
        let scaled = |entry: u8| ((u32::from(entry) * percent + 50) / 100).clamp(1, 255) as u8;
        Self {
            luminance: LUMINANCE.map(scaled),
            chrominance: CHROMINANCE.map(scaled),
        }
    }
}

#[rustfmt::skip]
const LUMINANCE: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

#[rustfmt::skip]
const CHROMINANCE: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `Image.open(…).quantization` of what Pillow 13.0.0 saves at each quality: the first,
    /// the second and the last entry of each table.
    #[test]
    fn tables_are_those_of_pillow() {
        for (quality, luminance, chrominance) in [
            (7.0, [114, 79, 255], [121, 129, 255]),
            (25.0, [32, 22, 198], [34, 36, 198]),
            (50.0, [16, 11, 99], [17, 18, 99]),
            (80.0, [6, 4, 40], [7, 7, 40]),
            (95.0, [2, 1, 10], [2, 2, 10]),
        ] {
            let tables = Tables::new(quality);
            let some = |table: [u8; 64]| [0, 1, 63].map(|at| table[at]);
            assert_eq!(some(tables.luminance), luminance, "{quality}");
            assert_eq!(some(tables.chrominance), chrominance, "{quality}");
        }
        assert_eq!(Tables::new(100.0).luminance, [1; 64]);
    }

    #[test]
    fn less_quality_never_divides_by_less() {
        let steps = (10..=1000_u16).map(|tenth| Tables::new(f64::from(tenth) / 10.0));
        let steps: Vec<Tables> = steps.collect();
        for pair in steps.windows(2) {
            let both = pair[0].luminance.iter().zip(&pair[1].luminance);
            assert!(both.into_iter().all(|(low, high)| low >= high));
        }
    }
}
