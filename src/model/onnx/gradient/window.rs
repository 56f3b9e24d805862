//! Windows that slide over an image or a signal: what convolutions and pools share.

use super::site::Site;
use super::tensors::{Size, fixed};
use super::writer::{Attribute, Var, ints};

/// Where windows of an operator lie; one entry a spatial axis.
pub(super) struct Window {
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Padding before the first number and behind the last.
    pub(super) before: Vec<usize>,
    pub(super) behind: Vec<usize>,
    /// Sizes of what is slid over, and of what comes of it.
    pub(super) from: Vec<usize>,
    pub(super) to: Vec<usize>,
}

impl Window {
    /// The windows of a node whose windows are of the size `kernel`, over an image of
    /// the shape `image`, with the result `result` (batch and channels included).
    pub(super) fn of(
        site: &Site<'_>,
        kernel: Vec<usize>,
        image: &[Size],
        result: &[Size],
    ) -> Result<Self, String> {
        let axes = kernel.len();
        let sizes = |shape: &[Size]| {
            fixed(shape.get(2..).unwrap_or_default())
                .filter(|sizes| sizes.len() == axes)
                .ok_or("its windows do not slide over fixed sizes")
        };
        let (from, to) = (sizes(image)?, sizes(result)?);
        let whole = |name: &str| -> Result<Vec<usize>, String> {
            let given = site.ints(name).unwrap_or_default();
            if given.is_empty() {
                return Ok(vec![1; axes]);
            }
            let given: Option<Vec<usize>> =
                given.iter().map(|&one| usize::try_from(one).ok()).collect();
            given
                .filter(|given| given.len() == axes)
                .ok_or_else(|| format!("its {name} are not one number an axis"))
        };
        let (strides, dilations) = (whole("strides")?, whole("dilations")?);
        let reach = |axis: usize| dilations[axis] * (kernel[axis] - 1) + 1;
        let mut before = vec![0; axes];
        let mut behind = vec![0; axes];
        match site.text("auto_pad") {
            None | Some("NOTSET" | "") => {
                let pads = site.ints("pads").unwrap_or_default();
                if !pads.is_empty() {
                    if pads.len() != 2 * axes || pads.iter().any(|&pad| pad < 0) {
                        return Err("its pads are not two numbers an axis, from 0".to_owned());
                    }
                    for axis in 0..axes {
                        before[axis] = pads[axis] as usize;
                        behind[axis] = pads[axes + axis] as usize;
                    }
                }
            }
            Some("VALID") => {}
            Some(same) => {
                for axis in 0..axes {
                    let covered = (to[axis].max(1) - 1) * strides[axis] + reach(axis);
                    let total = covered.saturating_sub(from[axis]);
                    let larger = total - total / 2;
                    (before[axis], behind[axis]) = if same == "SAME_LOWER" {
                        (larger, total / 2)
                    } else {
                        (total / 2, larger)
                    };
                }
            }
        }
        Ok(Self {
            kernel,
            strides,
            dilations,
            before,
            behind,
            from,
            to,
        })
    }

    pub(super) fn axes(&self) -> usize {
        self.kernel.len()
    }

    /// How far the last window reaches, from the first padded number.
    pub(super) fn covered(&self, axis: usize) -> usize {
        (self.to[axis].max(1) - 1) * self.strides[axis]
            + self.dilations[axis] * (self.kernel[axis] - 1)
            + 1
    }

    /// Puts the cotangents of the windows, `tensor`, back to where they were taken,
    /// each times `weights`: a transposed convolution of the image's size.
    pub(super) fn scatter(
        &self,
        site: &mut Site<'_>,
        tensor: Var,
        weights: Var,
        groups: usize,
    ) -> Var {
        let mut behind = Vec::new();
        let mut rest = Vec::new();
        for axis in 0..self.axes() {
            let covered = self.covered(axis);
            // Numbers that no window reaches, or that the last one reaches beyond.
            let there = self.before[axis] + self.from[axis];
            rest.push(there.saturating_sub(covered));
            behind.push(covered.saturating_sub(there));
        }
        // What is padded on the way forward is cut off on the way back; numbers that no
        // window reaches are added again.
        let pads = [ints(&self.before), ints(&behind)].concat();
        let (kernel, strides) = (ints(&self.kernel), ints(&self.strides));
        let (dilations, rest) = (ints(&self.dilations), ints(&rest));
        site.op_with(
            "ConvTranspose",
            &[tensor, weights],
            &[
                ("kernel_shape", Attribute::Ints(&kernel)),
                ("strides", Attribute::Ints(&strides)),
                ("dilations", Attribute::Ints(&dilations)),
                ("pads", Attribute::Ints(&pads)),
                ("output_padding", Attribute::Ints(&rest)),
                ("group", Attribute::Int(groups as i64)),
            ],
        )
    }
}
