//! Histogram equalisation, as OpenCV's `equalizeHist` has it.

use super::framed::Framed;

/// Spreads levels, 0 to 255, so that each is as bright as the part of the pixels that
/// are not brighter, of those that are brighter than the darkest. A plane of one level
/// stays as it is.
pub fn equalise(levels: &mut Framed) {
    const LEVELS: usize = 256;
    // Four counts in turn, as one would wait for itself where many pixels are alike.
    let mut counts = [[0_u32; LEVELS]; 4];
    for row in levels.rows() {
        for (place, &level) in row.iter().enumerate() {
            counts[place % 4][level as usize % LEVELS] += 1;
        }
    }
    let counts: [u32; LEVELS] = std::array::from_fn(|level| counts.iter().map(|counts| counts[level]).sum());
    let total: u32 = counts.iter().sum();
    let Some(darkest) = counts.iter().position(|&count| count > 0) else {
        return;
    };
    let brighter = total - counts[darkest];
    if brighter == 0 {
        return;
    }
    let scale = 255.0 / brighter as f32;
    let mut spread = [0; LEVELS];
    let mut sum = 0;
    for level in darkest + 1..LEVELS {
        sum += counts[level];
        spread[level] = libm::rintf(sum as f32 * scale) as i32;
    }
    for row in levels.rows_mut() {
        for level in row {
            *level = spread[*level as usize % LEVELS];
        }
    }
}
