//! What the tests of the perturbations share.

use ndarray::ArrayD;

use super::{Depth, Perturbation};
use crate::catalogue::{Parameters, PerturbationKind, Scale};
use crate::seed::Stream;

/// Parameters by name.
pub fn parameters(values: &[(&str, f64)]) -> Parameters {
    Parameters(
        values
            .iter()
            .map(|&(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// The stream of the example called `id`.
pub fn stream(perturbation: &dyn Perturbation, id: &str) -> Stream {
    Stream::new(20_260_101, &perturbation.kind().identity(), 0, id)
}

/// What `perturbation` makes of `values`, an example called `id`.
pub fn perturbed(
    perturbation: &dyn Perturbation,
    values: &ArrayD<f32>,
    parameters: &Parameters,
    id: &str,
) -> ArrayD<f32> {
    let mut example = values.clone();
    let mut stream = stream(perturbation, id);
    perturbation.check(example.shape()).unwrap();
    perturbation.apply(
        example.view_mut(),
        parameters,
        Depth::Continuous,
        &mut stream,
    );
    example
}

/// An array of `shape` whose values go through [0, 1] in steps of 1/16, out of order.
pub fn ramp(shape: &[usize]) -> ArrayD<f32> {
    let mut step = 0_u16;
    ArrayD::from_shape_simple_fn(shape, || {
        step += 1;
        f32::from(step * 7 % 17) / 16.0
    })
}

/// Asserts that the rows of a kind's table are `rows` to the last bit, each within its
/// parameters' ranges.
pub fn assert_rows(kind: &PerturbationKind, scale: Scale, rows: [&[f64]; 5]) {
    for (severity, row) in (1..=5).zip(rows) {
        let found = kind.at_severity(scale, f64::from(severity)).unwrap();
        assert_eq!(row.len(), kind.parameters.len());
        for ((parameter, &value), (name, found)) in kind.parameters.iter().zip(row).zip(found.0) {
            assert_eq!((parameter.name, value), (name.as_str(), found));
            assert!((parameter.minimum..=parameter.maximum).contains(&value));
        }
    }
}

/// Asserts that the five severities of a kind of one parameter are `values` to the
/// last bit, and that severity 2.5 is half way between the second and the third.
pub fn assert_severities(kind: &PerturbationKind, scale: Scale, values: [f64; 5]) {
    let name = kind.parameters[0].name;
    for (severity, value) in (1..=5).zip(values) {
        let found = kind.at_severity(scale, f64::from(severity)).unwrap();
        assert_eq!(
            found,
            parameters(&[(name, value)]),
            "{} {severity}",
            kind.name
        );
        let allowed = kind.parameters[0].minimum..=kind.parameters[0].maximum;
        assert!(allowed.contains(&value), "{} {severity}", kind.name);
    }
    let between = kind.at_severity(scale, 2.5).unwrap().get(name);
    let half_way = (values[1] + values[2]) / 2.0;
    assert!(
        (between - half_way).abs() < 1e-12,
        "{}: {between}",
        kind.name
    );
    assert_eq!(kind.at_severity(scale, 0.9), None);
    assert_eq!(kind.at_severity(scale, 5.1), None);
}

/// Asserts that an image that lies otherwise in memory, `[height, width, channels]` of
/// this shape, is perturbed as its copy in order is.
pub fn assert_view_as_copy(
    perturbation: &dyn Perturbation,
    parameters: &Parameters,
    shape: [usize; 3],
    depth: Depth,
) {
    let mut store = ramp(&shape);
    let mut view = store.view_mut().permuted_axes([2, 0, 1].as_slice());
    let mut copy = view.as_standard_layout().into_owned();
    for image in [view.view_mut(), copy.view_mut()] {
        perturbation.apply(image, parameters, depth, &mut stream(perturbation, "0"));
    }
    assert_eq!(view, copy, "{}", perturbation.kind().name);
}
