//! Where a function of one number crosses zero.

/// Evaluations after which a root is known to the last bits, whatever the function is.
const MOST: usize = 200;

/// The root of `f` between `low` and `high`, to about 1e-14 of their distance; `f` falls,
/// and is not asked at the ends themselves. Where it does not cross zero between them, the
/// end that is nearer to it.
///
/// Source: Chandrupatla 1997: halving, or inverse quadratic interpolation where three
/// points say that it is faster.
///
/// ```
/// # use steadfast::stats::root::of_falling;
/// assert!((of_falling(|x| 2.0 - x * x, 0.0, 9.0) - 2f64.sqrt()).abs() < 1e-12);
/// ```
pub fn of_falling(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let resolution = 1e-14 * (high - low).abs();
    let mut newest = (low, f64::INFINITY);
    let mut across = (high, f64::NEG_INFINITY);
    let mut share = 0.5;
    for _ in 0..MOST {
        let place = newest.0 + share * (across.0 - newest.0);
        let value = f(place);
        if value == 0.0 {
            return place;
        }
        let before = if (value > 0.0) == (newest.1 > 0.0) {
            newest
        } else {
            std::mem::replace(&mut across, newest)
        };
        newest = (place, value);
        let best = if newest.1.abs() < across.1.abs() {
            newest.0
        } else {
            across.0
        };
        let width = (across.0 - newest.0).abs();
        let tolerance = 2.0 * f64::EPSILON * best.abs() + resolution;
        let nearest = tolerance / width;
        if nearest > 0.5 || width == 0.0 {
            return best;
        }
        share = interpolated(newest, across, before)
            .unwrap_or(0.5)
            .clamp(nearest, 1.0 - nearest);
    }
    newest.0
}

/// How far the root lies from `newest` to `across`, by the inverse parabola through the
/// three; `None` where it cannot be trusted.
fn interpolated(
    (a, at_a): (f64, f64),
    (b, at_b): (f64, f64),
    (c, at_c): (f64, f64),
) -> Option<f64> {
    let xi = (a - b) / (c - b);
    let phi = (at_a - at_b) / (at_c - at_b);
    let trusted = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
    trusted.then(|| {
        at_a / (at_b - at_a) * at_c / (at_b - at_c)
            + (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
    })
}

/// The limit of a `change` that is at most `largest`: where the falling p-value against so
/// large a true change or more is `alpha`.
pub fn where_p_is(alpha: f64, p: impl Fn(f64) -> f64, change: f64, largest: f64) -> f64 {
    let excess = |value: f64| libm::log(p(value)) - libm::log(alpha);
    of_falling(excess, change, largest.max(change))
}

/// The smallest number between `low` and `high` for which `holds`, which holds of all above
/// it, too; `None` where it does not hold of `high`.
pub fn least(holds: impl Fn(f64) -> bool, low: f64, high: f64) -> Option<f64> {
    if !holds(high) {
        return None;
    }
    let (mut low, mut high) = (low, high);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn roots_are_found_and_ends_are_not_asked() {
        let asked = std::cell::Cell::new(0);
        let root = of_falling(
            |x| {
                asked.set(asked.get() + 1);
                assert!(x > 0.0 && x < 1.0);
                1.0 / x - 1.0 / (1.0 - x) - 90.0
            },
            0.0,
            1.0,
        );
        // x² − (92/90) x + 1/90 = 0.
        let expected = 46.0 / 90.0 - (46.0_f64 * 46.0 / 8100.0 - 1.0 / 90.0).sqrt();
        assert!((root - expected).abs() < 1e-12, "{root} {expected}");
        assert!(asked.get() < 30, "{}", asked.get());
    }

    #[test]
    fn without_a_crossing_the_nearer_end_is_meant() {
        assert!((of_falling(|_| 1.0, 0.0, 1.0) - 1.0).abs() < 1e-12);
        assert!(of_falling(|_| -1.0, 0.0, 1.0).abs() < 1e-12);
        assert!((of_falling(|x| if x < 0.3 { 1.0 } else { -1.0 }, 0.0, 1.0) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn the_least_number_that_holds() {
        let found = least(|x| x >= 0.3, 0.0, 1.0).unwrap();
        assert!((0.3..0.3 + 1e-12).contains(&found));
        assert_eq!(least(|_| false, 0.0, 1.0), None);
        assert!(least(|_| true, 0.25, 1.0).unwrap() - 0.25 < 1e-12);
    }

    proptest! {
        /// Falling functions of every steepness, flat near the root, infinite, or a step.
        #[test]
        fn roots_of_falling_functions_are_found(
            root in 0.001..0.999f64, steep in -8.0..8.0f64,
            low in -5.0..0.0f64, width in 1.0..9.0f64,
        ) {
            let steep = libm::exp(steep);
            let place = low + root * width;
            let functions: [&dyn Fn(f64) -> f64; 6] = [
                &|x| steep * (place - x),
                &|x| libm::expm1(steep * (place - x)),
                &|x| libm::atan(steep * (place - x)),
                &|x| (place - x) * (1.0 + steep * (place - x) * (place - x)),
                &|x| if x < place { f64::INFINITY } else { -steep },
                &|x| if x < place { steep } else { f64::NEG_INFINITY },
            ];
            for (index, function) in functions.into_iter().enumerate() {
                let asked = std::cell::Cell::new(0);
                let counted = |x: f64| {
                    asked.set(asked.get() + 1);
                    assert!(x > low && x < low + width);
                    function(x)
                };
                let found = of_falling(counted, low, low + width);
                let near = (found - place).abs() < 1e-12 * width;
                prop_assert!(near, "{} {} {}", index, found, place);
                prop_assert!(asked.get() <= 120, "{} {}", index, asked.get());
            }
            // To the third power the root itself is only known to the third root.
            let cube = |x: f64| steep * (place - x).powi(3);
            prop_assert!((of_falling(cube, low, low + width) - place).abs() < 1e-5 * width);
        }
    }
}
