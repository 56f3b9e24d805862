//! What lies beyond the edges of a plane.

/// How a row (or column) goes on beyond its ends, in the names of `scipy.ndimage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// `a a a | a b c d | d d d`: the last value, again and again.
    Nearest,
    /// `c b a | a b c d | d c b`: mirrored about the edge.
    Reflect,
    /// `d c b | a b c d | c b a`: mirrored about the last value. OpenCV: reflect-101.
    Mirror,
}

impl Border {
    /// Where the value at `position` comes from in a row of `length` values; zero
    /// where the row has none.
    #[inline]
    pub fn index(self, position: isize, length: usize) -> usize {
        let (length, last) = (length as isize, length as isize - 1);
        if (0..length).contains(&position) {
            return position as usize;
        }
        if length == 0 {
            return 0;
        }
        let index = match self {
            Self::Nearest => position.clamp(0, last),
            Self::Reflect => {
                let place = position.rem_euclid(2 * length);
                place.min(2 * length - 1 - place)
            }
            Self::Mirror => {
                let place = position.rem_euclid((2 * last).max(1));
                place.min(2 * last - place)
            }
        };
        index as usize
    }

    /// Fills `extended` with `row` between `before` values and as many others as there
    /// is room for.
    pub fn extend(self, row: &[f32], before: usize, extended: &mut [f32]) {
        extended[before..before + row.len()].copy_from_slice(row);
        self.fill_ends(extended, before, row.len());
    }

    /// Fills what lies before and after the row of `length` values that stands in
    /// `extended` after `before` others.
    pub fn fill_ends(self, extended: &mut [f32], before: usize, length: usize) {
        if length == 0 {
            return;
        }
        let start = before as isize;
        for place in (0..before).chain(before + length..extended.len()) {
            extended[place] = extended[before + self.index(place as isize - start, length)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_on_as_scipy_says() {
        let row = [1.0, 2.0, 3.0, 4.0];
        for (border, expected) in [
            (
                Border::Nearest,
                [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0],
            ),
            (
                Border::Reflect,
                [4.0, 4.0, 3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 3.0],
            ),
            (
                Border::Mirror,
                [2.0, 3.0, 4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0],
            ),
        ] {
            let mut extended = [0.0; 11];
            border.extend(&row, 5, &mut extended);
            assert_eq!(extended, expected, "{border:?}");
        }
    }

    #[test]
    fn a_single_value_goes_on_for_ever() {
        for border in [Border::Nearest, Border::Reflect, Border::Mirror] {
            for position in -5..=5 {
                assert_eq!(border.index(position, 1), 0);
                assert_eq!(border.index(position, 0), 0);
            }
        }
    }
}
