//! A metric of all rows together, without limits (statistics.md 2.4): exchanges of the
//! records of clusters.

use super::pair::{Finding, Pair};
use super::sampling::Sampling;
use crate::measure::Sums;
use crate::stats::jackknife::Jackknife;
use crate::stats::permutation::{least_swap_p, swap_p};

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Finding {
    let sums = Sums::new(
        pair.metric,
        &pair.spec.parameters,
        &[pair.old, pair.new],
        pair.clusters,
        pair.classes,
    );
    let sign = pair.sign() as f64;
    let [old, new] = [sums.totals(0), sums.totals(1)];
    let estimate = sign * (sums.value(new) - sums.value(old));
    let left_out = [0, 1].map(|run| sums.left_out(run, false));
    let left_out = left_out[1].iter().zip(&left_out[0]);
    let left_out: Vec<f64> = left_out.map(|(new, old)| sign * (new - old)).collect();
    let sampling = exchanges(pair, &sums, estimate, sums.jackknife(&left_out));
    let m = pair.margin();
    Finding::new(
        pair,
        sampling,
        [-estimate > m + ROUNDING, estimate > m + ROUNDING],
    )
}

/// A difference of two quotients of whole numbers is known to about this.
const ROUNDING: f64 = 1e-12;

/// By exchanging the records of clusters, and the error of leaving them out as well:
/// exchanging is exact where the two models' records are exchangeable, and two models may
/// be as badly calibrated in opposite ways (docs/statistics.md).
fn exchanges(pair: &Pair<'_>, sums: &Sums<'_>, estimate: f64, jackknife: Jackknife) -> Sampling {
    let sign = pair.sign() as f64;
    let [old, new] = [sums.totals(0), sums.totals(1)];
    // Both runs' sums are known from one: what the other loses, this one gains.
    let both: Vec<i64> = old.iter().zip(new).map(|(old, new)| old + new).collect();
    let changes = sums.changes();
    let mut mine = new.to_vec();
    let mut others = old.to_vec();
    let mut exchanged = |swapped: &[u64]| {
        mine.copy_from_slice(new);
        for (index, terms) in changes.iter().enumerate() {
            if swapped[index / 64] >> (index % 64) & 1 == 1 {
                for &(place, change) in terms {
                    mine[place as usize] -= i64::from(change);
                }
            }
        }
        for ((other, both), sum) in others.iter_mut().zip(&both).zip(&mine) {
            *other = both - sum;
        }
        sign * (sums.value(&mine) - sums.value(&others))
    };
    let alpha = pair.alpha();
    let count = changes.len();
    let stream = || pair.stream("swap");
    let p_harm = swap_p(count, estimate, alpha, &mut stream(), &mut exchanged);
    let p_gain = swap_p(count, -estimate, alpha, &mut stream(), |swapped| {
        -exchanged(swapped)
    });
    let [harm, gain] = unexplained(pair, sums, estimate);
    Sampling::Exchanges {
        estimate,
        p: [
            p_harm.max(1.0 - jackknife.p_above(harm, 0.0)),
            p_gain.max(jackknife.p_above(gain, 0.0)),
        ],
        jackknife,
        least: least_swap_p(sums.clusters(), alpha),
    }
}

/// The change against harm, and against gain, less what chance may have added to one run's
/// value and not to the other's: gaps count by their size, so that a model whose confidences
/// fill more bins seems worse calibrated and is not.
fn unexplained(pair: &Pair<'_>, sums: &Sums<'_>, estimate: f64) -> [f64; 2] {
    let [old, new] = [0, 1].map(|run| sums.inflation(run, &mut pair.stream("inflation")));
    // Signed as the change is: negative where chance made the new run seem worse.
    let sign = pair.sign() as f64;
    let added = [0, 1].map(|way| sign * (new[way] - old[way]));
    let worse = added[0].min(added[1]).min(0.0);
    let better = added[0].max(added[1]).max(0.0);
    [estimate - worse, estimate - better]
}
