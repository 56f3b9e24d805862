//! What teams do today: a threshold on the drop, and a test that does not know
//! that both models answered the same examples.

use steadfast::stats::distribution::normal_quantile;

/// Fails if accuracy fell by more than `margin` hundredths of a percent point, in
/// whole numbers (in doubles it also fails some drops that are exactly the margin).
pub fn fixed_threshold(n: usize, old_right: usize, new_right: usize, margin: f64) -> bool {
    let margin = (margin * 1e6).round() as i64;
    (old_right as i64 - new_right as i64) * 1_000_000 > margin * n as i64
}

/// Fails if a one-sided z test of two independent proportions with pooled variance
/// rejects equality at `alpha`.
pub fn unpaired_z(n: usize, old_right: usize, new_right: usize, alpha: f64) -> bool {
    let n = n as f64;
    let [old, new] = [old_right, new_right].map(|right| right as f64 / n);
    let pooled = (old + new) / 2.0;
    let error = (2.0 * pooled * (1.0 - pooled) / n).sqrt();
    error > 0.0 && (new - old) / error <= -normal_quantile(1.0 - alpha)
}
