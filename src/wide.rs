//! The widest vectors that the processor has, chosen when the program runs: builds
//! for any processor of a family then run at full speed on each.

use pulp::{Arch, NullaryFnOnce};

/// Runs `work` compiled anew for the vectors of this processor.
///
/// What is vectorised is what the compiler vectorises by itself in a plain loop over
/// slices. The closure, and every function that the loop calls, must be
/// `#[inline(always)]`, else they stay compiled for the oldest processor. What the
/// loop reads besides its slices is best copied to locals within the closure: behind a
/// reference it could be among the values that are written, which then are one by one.
///
/// The result is the same to the last bit on every processor: the compiler neither
/// reorders floating-point sums nor fuses products into them. (`mul_add` does fuse, and
/// is a slow call where the processor cannot: do not use it.)
///
/// ```
/// use steadfast::perturb::wide;
/// let mut values = [0.25_f32, 0.5];
/// wide(
///     #[inline(always)]
///     || values.iter_mut().for_each(|value| *value *= 2.0),
/// );
/// assert_eq!(values, [0.5, 1.0]);
/// ```
#[inline(always)]
pub fn wide<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}

/// `FnMut`, although it is called once: a closure that could be called again is not
/// inlined, whatever its attribute says, where it is called as an `FnOnce`.
struct Work<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for Work<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
