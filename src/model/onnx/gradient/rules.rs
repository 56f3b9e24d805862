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

/// The numbers that a rule holds for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Float32,
    /// Of any type: they are moved, or made numbers of another type.
    AnyType,
}

const FLOAT: Of = Of::Float32;
const ANY: Of = Of::AnyType;

const RULES: &[(&str, Of, Rule)] = &[
    ("Abs", FLOAT, arithmetic::abs),
    ("Add", FLOAT, arithmetic::add),
    ("AveragePool", FLOAT, pooling::average),
    ("BatchNormalization", FLOAT, normalisation::batch),
    ("Cast", ANY, shape::cast),
    ("Ceil", FLOAT, rounding::round),
    ("Celu", FLOAT, activation::celu),
    ("Clip", FLOAT, activation::clip),
    ("Concat", ANY, index::concat),
    ("Conv", FLOAT, convolution::conv),
    ("ConvTranspose", FLOAT, convolution::transposed),
    ("Cos", FLOAT, arithmetic::cos),
    ("DequantizeLinear", ANY, rounding::dequantise),
    ("Div", FLOAT, arithmetic::div),
    ("Dropout", FLOAT, shape::same),
    ("Elu", FLOAT, activation::elu),
    ("Erf", FLOAT, activation::erf),
    ("Exp", FLOAT, arithmetic::exp),
    ("Expand", ANY, shape::expand),
    ("Flatten", ANY, shape::reshaped),
    ("Floor", FLOAT, rounding::round),
    ("Gather", ANY, index::gather),
    ("Gelu", FLOAT, activation::gelu),
    ("Gemm", FLOAT, linear::gemm),
    ("GlobalAveragePool", FLOAT, pooling::global_average),
    ("GlobalMaxPool", FLOAT, pooling::global_max),
    ("GroupNormalization", FLOAT, normalisation::group),
    ("HardSigmoid", FLOAT, activation::hard_sigmoid),
    ("HardSwish", FLOAT, activation::hard_swish),
    ("Identity", ANY, shape::same),
    ("InstanceNormalization", FLOAT, normalisation::instance),
    ("LRN", FLOAT, normalisation::local_response),
    ("LayerNormalization", FLOAT, normalisation::layer),
    ("LeakyRelu", FLOAT, activation::leaky_relu),
    ("Log", FLOAT, arithmetic::log),
    ("LogSoftmax", FLOAT, softmax::log_softmax),
    ("MatMul", FLOAT, linear::mat_mul),
    ("Max", FLOAT, arithmetic::max),
    ("MaxPool", FLOAT, pooling::max),
    ("Mean", FLOAT, arithmetic::mean),
    ("Min", FLOAT, arithmetic::min),
    ("Mish", FLOAT, activation::mish),
    ("Mul", FLOAT, arithmetic::mul),
    ("Neg", FLOAT, arithmetic::neg),
    ("PRelu", FLOAT, activation::p_relu),
    ("Pad", ANY, index::pad),
    ("Pow", FLOAT, arithmetic::pow),
    ("QuantizeLinear", ANY, rounding::quantise),
    ("Reciprocal", FLOAT, arithmetic::reciprocal),
    ("ReduceMax", FLOAT, reduction::extreme),
    ("ReduceMean", FLOAT, reduction::mean),
    ("ReduceMin", FLOAT, reduction::extreme),
    ("ReduceSum", FLOAT, reduction::sum),
    ("Relu", FLOAT, activation::relu),
    ("Reshape", ANY, shape::reshaped),
    ("Resize", FLOAT, index::resize),
    ("Round", FLOAT, rounding::round),
    ("Selu", FLOAT, activation::selu),
    ("Sigmoid", FLOAT, activation::sigmoid),
    ("Sign", FLOAT, rounding::sign),
    ("Sin", FLOAT, arithmetic::sin),
    ("Slice", ANY, index::slice),
    ("Softmax", FLOAT, softmax::softmax),
    ("Softplus", FLOAT, activation::softplus),
    ("Split", ANY, index::split),
    ("Sqrt", FLOAT, arithmetic::sqrt),
    ("Squeeze", ANY, shape::reshaped),
    ("Sub", FLOAT, arithmetic::sub),
    ("Sum", FLOAT, arithmetic::add),
    ("Tanh", FLOAT, activation::tanh),
    ("Transpose", ANY, shape::transpose),
    ("Unsqueeze", ANY, shape::reshaped),
    ("Upsample", FLOAT, index::resize),
    ("Where", ANY, arithmetic::choose),
];

/// The rule of a standard operator, and what it holds for.
pub(super) fn of(operator: &str) -> Option<(Of, Rule)> {
    let found = RULES.binary_search_by_key(&operator, |(name, ..)| name);
    found.ok().map(|index| (RULES[index].1, RULES[index].2))
}

/// The names of all operators that have a rule.
#[cfg(test)]
pub(super) fn operators() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|&(operator, ..)| operator)
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
