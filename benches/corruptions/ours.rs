//! Our side: seconds a call.

use std::hint::black_box;
use std::time::Instant;

use steadfast::catalogue::Scale;
use steadfast::perturb::Perturbation;
use steadfast::seed::Stream;

use crate::photos::{Photos, Workbench};

/// Calls that are timed at least and at most, whatever the budget.
const CALLS: (usize, usize) = (3, 2000);

/// Seconds of each call, severity by severity, after two that warm up.
pub fn seconds(perturbation: &dyn Perturbation, photos: &Photos, budget: f64) -> [Vec<f64>; 5] {
    [1.0, 2.0, 3.0, 4.0, 5.0].map(|severity| {
        let kind = perturbation.kind();
        let parameters = kind
            .at_severity(Scale::ImagenetC, severity)
            .unwrap_or_default();
        let identity = kind.identity();
        let ids: Vec<String> = (0..photos.count).map(|index| index.to_string()).collect();
        let mut workbench = Workbench::new(photos.height, photos.width);
        let mut output = vec![0; photos.height * photos.width * 3];
        let mut call = |index: usize| {
            let started = Instant::now();
            let mut stream = Stream::new(0, &identity, 0, &ids[index]);
            let photo = black_box(photos.photo(index));
            workbench.perturb(photo, perturbation, &parameters, &mut stream, &mut output);
            black_box(&output);
            started.elapsed().as_secs_f64()
        };
        let each = call(0).min(call(1 % photos.count));
        let calls = ((budget / each.max(1e-7)) as usize).clamp(CALLS.0, CALLS.1);
        (0..calls).map(|index| call(index % photos.count)).collect()
    })
}

/// The middle one.
pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    match seconds.len() % 2 {
        1 => seconds[middle],
        _ => (seconds[middle - 1] + seconds[middle]) / 2.0,
    }
}
