//! The standard normal distribution.

/// The standard normal quantile of `uniform` in (0, 1): z such that
/// P(Z ≤ z) = `uniform`, to about 16 digits and without platform mathematics. Zero and one give the infinities,
/// anything outside them NaN.
///
/// Source: Wichura (1988), "Algorithm AS 241: The percentage points of the normal
/// distribution", Applied Statistics 37(3), routine PPND16.
///
/// ```
/// use steadfast::stats::normal::normal_quantile;
/// assert_eq!(normal_quantile(0.5), 0.0);
/// assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
/// ```
pub fn normal_quantile(uniform: f64) -> f64 {
    let from_middle = uniform - 0.5;
    if from_middle.abs() <= 0.425 {
        return from_middle * ratio(&CENTRE, 0.180_625 - from_middle * from_middle);
    }
    let tail = uniform.min(1.0 - uniform);
    if tail == 0.0 {
        return f64::INFINITY.copysign(from_middle);
    }
    let depth = libm::sqrt(-libm::log(tail));
    let distance = if depth <= 5.0 {
        ratio(&TAIL, depth - 1.6)
    } else {
        ratio(&FAR_TAIL, depth - 5.0)
    };
    distance.copysign(from_middle)
}

/// Numerator and denominator of a rational function, the highest power first.
type Rational = [[f64; 8]; 2];

fn ratio([numerator, denominator]: &Rational, x: f64) -> f64 {
    let polynomial = |coefficients: &[f64; 8]| {
        coefficients
            .iter()
            .fold(0.0, |value, coefficient| value * x + coefficient)
    };
    polynomial(numerator) / polynomial(denominator)
}

/// For 0.075 ≤ u ≤ 0.925, in 0.180625 - (u - 1/2)².
const CENTRE: Rational = [
    [
        2.509_080_928_730_122_7e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];

/// For depths √(-ln u) up to 5, in the depth less 1.6.
const TAIL: Rational = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

/// For greater depths, in the depth less 5.
const FAR_TAIL: Rational = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_8e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_7e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normal_quantile as normal;
    use crate::seed::uniform;

    #[test]
    fn the_quantiles_are_those_of_the_reference() {
        let mut seen = 0;
        for case in crate::stats::reference::group("quantiles")["cases"]
            .as_array()
            .unwrap()
        {
            if case["dist"] == "norm" {
                let (p, x) = (case["p"].as_f64().unwrap(), case["x"].as_f64().unwrap());
                let error = (normal(p) - x).abs();
                assert!(error <= 1e-13 * x.abs(), "{p}: {} is not {x}", normal(p));
                seen += 1;
            }
        }
        assert!(seen >= 10, "{seen} normal quantiles in the reference");
    }

    /// The check values that Wichura (1988) prints.
    #[test]
    fn the_quantiles_are_those_of_the_paper() {
        for (p, x) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_814),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert!((normal(p) / x - 1.0).abs() < 4e-16, "{p}: {}", normal(p));
        }
    }

    #[test]
    fn the_distribution_function_takes_every_draw_back() {
        for word in (0..=u32::MAX).step_by(10_000_019).chain([1, u32::MAX]) {
            let u = uniform(word);
            let z = normal(u);
            // libm's error function, relative to the nearer tail.
            let (tail, back) = (
                u.min(1.0 - u),
                0.5 * libm::erfc(z.abs() / std::f64::consts::SQRT_2),
            );
            assert!((back / tail - 1.0).abs() < 1e-13, "{u}: {z}");
            assert_eq!(z > 0.0, u > 0.5);
        }
    }

    #[test]
    fn the_ends_are_infinite_and_beyond_them_is_nothing() {
        assert_eq!(normal(0.0), f64::NEG_INFINITY);
        assert_eq!(normal(1.0), f64::INFINITY);
        assert!(normal(-0.1).is_nan() && normal(1.1).is_nan() && normal(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn draws_are_symmetric_and_monotone(one: u32, other: u32) {
            prop_assert_eq!(normal(uniform(one)), -normal(uniform(!one)));
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(normal(uniform(low)) <= normal(uniform(high)));
        }
    }
}
