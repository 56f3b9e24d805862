//! Which rule each operator has. Its formula is where the rule is.

use super::site::Site;

mod activation;
mod arithmetic;
mod convolution;
mod index;
mod linear;
mod normalisation;
mod pooling;
mod reduction;
mod rounding;
mod shape;
mod softmax;

/// Writes how the cotangents of a node's outputs become those of its inputs. The
/// error is the reason why it cannot.
pub(super) type Rule = fn(&mut Site<'_>) -> Result<(), String>;

const RULES: &[(&str, Rule)] = &[
    ("Abs", arithmetic::abs),
    ("Add", arithmetic::add),
    ("AveragePool", pooling::average),
    ("BatchNormalization", normalisation::batch),
    ("Cast", shape::cast),
    ("Ceil", rounding::round),
    ("Celu", activation::celu),
    ("Clip", activation::clip),
    ("Concat", index::concat),
    ("Conv", convolution::conv),
    ("ConvTranspose", convolution::transposed),
    ("DequantizeLinear", rounding::dequantise),
    ("Div", arithmetic::div),
    ("Dropout", shape::same),
    ("Elu", activation::elu),
    ("Erf", activation::erf),
    ("Exp", arithmetic::exp),
    ("Expand", shape::expand),
    ("Flatten", shape::reshaped),
    ("Floor", rounding::round),
    ("Gather", index::gather),
    ("Gelu", activation::gelu),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", pooling::global_average),
    ("GlobalMaxPool", pooling::global_max),
    ("GroupNormalization", normalisation::group),
    ("HardSigmoid", activation::hard_sigmoid),
    ("HardSwish", activation::hard_swish),
    ("Identity", shape::same),
    ("InstanceNormalization", normalisation::instance),
    ("LayerNormalization", normalisation::layer),
    ("LeakyRelu", activation::leaky_relu),
    ("Log", arithmetic::log),
    ("LogSoftmax", softmax::log_softmax),
    ("MatMul", linear::mat_mul),
    ("Max", arithmetic::max),
    ("MaxPool", pooling::max),
    ("Mean", arithmetic::mean),
    ("Min", arithmetic::min),
    ("Mish", activation::mish),
    ("Mul", arithmetic::mul),
    ("Neg", arithmetic::neg),
    ("PRelu", activation::p_relu),
    ("Pad", index::pad),
    ("Pow", arithmetic::pow),
    ("QuantizeLinear", rounding::quantise),
    ("Reciprocal", arithmetic::reciprocal),
    ("ReduceMax", reduction::extreme),
    ("ReduceMean", reduction::mean),
    ("ReduceMin", reduction::extreme),
    ("ReduceSum", reduction::sum),
    ("Relu", activation::relu),
    ("Reshape", shape::reshaped),
    ("Resize", index::resize),
    ("Round", rounding::round),
    ("Selu", activation::selu),
    ("Sigmoid", activation::sigmoid),
    ("Slice", index::slice),
    ("Softmax", softmax::softmax),
    ("Softplus", activation::softplus),
    ("Split", index::split),
    ("Sqrt", arithmetic::sqrt),
    ("Squeeze", shape::reshaped),
    ("Sub", arithmetic::sub),
    ("Sum", arithmetic::add),
    ("Tanh", activation::tanh),
    ("Transpose", shape::transpose),
    ("Unsqueeze", shape::reshaped),
    ("Upsample", index::resize),
    ("Where", arithmetic::choose),
];

/// The rule of a standard operator.
pub(super) fn of(operator: &str) -> Option<Rule> {
    let found = RULES.binary_search_by_key(&operator, |(name, _)| name);
    found.ok().map(|index| RULES[index].1)
}

/// Whether the rule of an operator holds for numbers of any type: it moves them, or
/// makes numbers of one type of those of another.
pub(super) fn moves(operator: &str) -> bool {
    const MOVING: &[&str] = &[
        "Cast",
        "Concat",
        "DequantizeLinear",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Pad",
        "QuantizeLinear",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
        "Where",
    ];
    MOVING.contains(&operator)
}

/// The names of all operators that have a rule.
#[cfg(test)]
pub(super) fn operators() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|&(operator, _)| operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_of_the_table_is_found() {
        for name in operators() {
            assert!(of(name).is_some(), "{name}: the table is out of order");
        }
        assert!(of("Loop").is_none());
    }
}
