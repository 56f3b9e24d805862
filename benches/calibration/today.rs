//! What teams do today: a threshold on the drop, a test that does not know that
//! both models answered the same examples, and the two rules of NVIDIA's NeMo
//! Evaluator (0.4.0), which does know it. Nothing here is the gate's own.

use steadfast::stats::distribution::{normal_quantile, t_quantile};

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

/// How a command of NeMo Evaluator ends, with exit code 0, 2 or 1. Of several cases
/// the worst decides, and no more is done about there being several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Passes,
    Unsettled,
    Fails,
}

/// `nel compare` of answers that are right or wrong, of which `harm` became wrong
/// and `gain` right: fails if the exact one-sided test of McNemar rejects at `alpha`
/// and accuracy fell by more than `margin`. It passes what is not rejected only if
/// the test would find twice the margin, by a detectable effect that is a share of
/// the flips, though the margin is a share of all rows.
pub fn nemo_compare(n: usize, harm: usize, gain: usize, margin: f64, alpha: f64) -> Exit {
    let flips = harm + gain;
    let detectable = 2.8 / (flips as f64).sqrt();
    if flips == 0 {
        Exit::Passes
    } else if coin_tail(harm, flips) < alpha {
        if fixed_threshold(n, harm, gain, margin) {
            Exit::Fails
        } else {
            Exit::Unsettled
        }
    } else if detectable > 2.0 * margin {
        Exit::Unsettled
    } else {
        Exit::Passes
    }
}

/// `nel gate` of the same: where the two-sided 95 % t interval of the drop is, all
/// beyond `margin`, all within it, or on both sides.
pub fn nemo_gate(n: usize, harm: usize, gain: usize, margin: f64) -> Exit {
    let [n, harm, gain] = [n, harm, gain].map(|count| count as f64);
    let drop = (harm - gain) / n;
    let variance = (harm + gain - n * drop * drop) / (n - 1.0);
    let reach = t_quantile(0.975, n - 1.0) * (variance / n).sqrt();
    if drop - reach > margin {
        Exit::Fails
    } else if drop + reach <= margin {
        Exit::Passes
    } else {
        Exit::Unsettled
    }
}

/// The probability of at least `heads` heads when a fair coin is tossed `tosses`
/// times.
fn coin_tail(heads: usize, tosses: usize) -> f64 {
    let log_factorial = |k: usize| libm::lgamma(k as f64 + 1.0);
    let ways = log_factorial(tosses) - log_factorial(heads) - log_factorial(tosses - heads);
    let exactly = (ways - tosses as f64 * std::f64::consts::LN_2).exp();
    let terms = (heads..=tosses).scan(exactly, |next, k| {
        let term = *next;
        *next *= (tosses - k) as f64 / (k + 1) as f64;
        Some(term)
    });
    terms.sum()
}
