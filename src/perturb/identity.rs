//! The perturbation that changes nothing: the case of the clean data, under the
//! same gate as every other.

use ndarray::ArrayViewMutD;

use super::{Depth, Perturbation, PerturbationError};
use crate::catalogue::{Parameters, PerturbationKind};
use crate::seed::Stream;

/// The entry of [`Identity`] in the catalogue.
pub static IDENTITY: PerturbationKind = PerturbationKind {
    name: "identity",
    version: 1,
    about: "Changes nothing: the clean data.",
    source: "by definition",
    stochastic: false,
    parameters: &[],
    severities: &[],
};

/// Changes nothing, whatever the shape.
pub struct Identity;

impl Perturbation for Identity {
    fn kind(&self) -> &'static PerturbationKind {
        &IDENTITY
    }

    fn check(&self, _shape: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(&self, _: ArrayViewMutD<'_, f32>, _: &Parameters, _: Depth, _: &mut Stream) {}
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;
    use crate::perturb::testing::perturbed;

    #[test]
    fn no_bit_is_changed() {
        let odd = [0.25, -0.0, 1.0, 7.5, f32::NAN, f32::INFINITY, 1e-45];
        let example = arr1(&odd).into_dyn();
        let same = perturbed(&Identity, &example, &Parameters::default(), "0");
        let bits: Vec<u32> = same.iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, odd.map(f32::to_bits));
    }

    #[test]
    fn it_has_no_severity() {
        for scale in crate::catalogue::Scale::ALL {
            assert_eq!(IDENTITY.at_severity(scale, 1.0), None);
        }
    }
}
