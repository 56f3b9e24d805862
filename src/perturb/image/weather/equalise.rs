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
    let counts: [u32; LEVELS] =
        std::array::from_fn(|level| counts.iter().map(|counts| counts[level]).sum());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perturb::image::weather::framed::testing::{framed, values};

    fn equalised(levels: &[i32]) -> Vec<i32> {
        let mut plane = framed(levels.len(), levels);
        equalise(&mut plane);
        values(&plane)
    }

    #[test]
    fn levels_become_the_share_that_is_not_brighter() {
        // Of the two pixels above the darkest, one and both: 127.5, to the even, and 255.
        assert_eq!(equalised(&[9, 9, 12, 200]), [0, 0, 128, 255]);
        // Of five, two, three and five.
        assert_eq!(equalised(&[3, 1, 3, 7, 9, 9]), [102, 0, 102, 153, 255, 255]);
    }

    #[test]
    fn one_level_stays_as_it_is() {
        assert_eq!(equalised(&[20; 7]), [20; 7]);
    }
}
