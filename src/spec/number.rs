//! Numbers as a person wrote them: exact, so that a margin of 0.01 is one
//! hundredth and not the nearest binary fraction.

use std::fmt;

use num_rational::Ratio;

/// An exact number and its text in the spec: `0.05`, `5e-2`, `2/255`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    text: String,
    ratio: Ratio<i64>,
}

/// The bytes that a text like `8 GiB` or `500 MB` means; `None`: it means none.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=i64::MAX as u64).contains(&bytes).then_some(bytes)
}

/// Most decimal digits that are read: every such number, and a ratio of two, is
/// then exact in what follows.
const DIGITS: usize = 15;

impl Exact {
    /// Reads a TOML number or a ratio of two, without surrounding space.
    ///
    /// ```
    /// # use steadfast::spec::Exact;
    /// assert_eq!(Exact::parse("0.05").unwrap().fraction(), (1, 20));
    /// assert_eq!(Exact::parse("5e-2").unwrap().fraction(), (1, 20));
    /// assert_eq!(Exact::parse("2/255").unwrap().fraction(), (2, 255));
    /// assert!(Exact::parse("inf").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let ratio = match text.split_once('/') {
            None => decimal(text)?,
            Some((top, bottom)) => {
                let (top, bottom) = (decimal(top)?, decimal(bottom)?);
                if *bottom.numer() == 0 {
                    return Err("it divides by zero".to_owned());
                }
                let numerator = top.numer().checked_mul(*bottom.denom());
                let denominator = top.denom().checked_mul(*bottom.numer());
                match (numerator, denominator) {
                    (Some(numerator), Some(denominator)) => Ratio::new(numerator, denominator),
                    _ => return Err(too_long()),
                }
            }
        };
        Ok(Self {
            text: text.to_owned(),
            ratio,
        })
    }

    /// Numerator and positive denominator, in lowest terms.
    pub fn fraction(&self) -> (i64, i64) {
        (*self.ratio.numer(), *self.ratio.denom())
    }

    /// The nearest double.
    pub fn value(&self) -> f64 {
        let (numerator, denominator) = self.fraction();
        numerator as f64 / denominator as f64
    }

    /// The number divided by a positive whole number, exactly.
    pub fn divided_by(&self, divisor: u32) -> Option<Self> {
        let (numerator, denominator) = self.fraction();
        let denominator = denominator.checked_mul(i64::from(divisor.max(1)))?;
        Some(Self::computed(Ratio::new(numerator, denominator)))
    }

    /// The number's share of `shares`: exact where that fits, else rounded down, so that
    /// shares never add up to more than the number (but for those below 10⁻¹⁸).
    pub fn shared_by(&self, shares: u32) -> Self {
        self.divided_by(shares).unwrap_or_else(|| {
            let (numerator, denominator) = self.fraction();
            let product = i128::from(denominator) * i128::from(shares.max(1));
            let above = (product - 1) / i128::from(numerator.max(1)) + 1;
            Self::computed(Ratio::new(1, i64::try_from(above).unwrap_or(i64::MAX)))
        })
    }

    /// The number times a whole number, exactly.
    pub fn times(&self, factor: u32) -> Option<Self> {
        let (numerator, denominator) = self.fraction();
        Some(Self::computed(Ratio::new(
            numerator.checked_mul(i64::from(factor))?,
            denominator,
        )))
    }

    fn computed(ratio: Ratio<i64>) -> Self {
        Self {
            text: format!("{}", *ratio.numer() as f64 / *ratio.denom() as f64),
            ratio,
        }
    }

    /// The text as a segment of a case's name: `2/255` is `2_255`, and `1.0` is `1`.
    pub fn segment(&self) -> String {
        let plain = self
            .text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let text = match plain && self.text.contains('.') {
            true => self.text.trim_end_matches('0').trim_end_matches('.'),
            false => &self.text,
        };
        text.to_lowercase()
            .chars()
            .filter(|letter| !matches!(letter, '+' | ' '))
            .map(|letter| if letter == '/' { '_' } else { letter })
            .collect()
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn too_long() -> String {
    format!("it has more than {DIGITS} digits")
}

/// A decimal number: sign, digits with underscores, fraction, exponent.
fn decimal(text: &str) -> Result<Ratio<i64>, String> {
    let not_a_number = || format!("`{text}` is not a number");
    let clean: String = text.chars().filter(|&letter| letter != '_').collect();
    let (sign, rest) = match clean.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        None => (rest, 0),
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.parse::<i32>().map_err(|_| not_a_number())?,
        ),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number());
    }
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    if significant.len() > DIGITS {
        return Err(too_long());
    }
    let numerator: i64 = if significant.is_empty() {
        return Ok(Ratio::new(0, 1));
    } else {
        significant.parse().map_err(|_| not_a_number())?
    };
    let power = exponent
        .saturating_sub(i32::try_from(fraction.len()).unwrap_or(i32::MAX))
        .saturating_add(i32::try_from(trailing).unwrap_or(i32::MAX));
    if power.unsigned_abs() as usize > DIGITS {
        return Err(too_long());
    }
    let scale = 10_i64.pow(power.unsigned_abs());
    let ratio = if power < 0 {
        Ratio::new(sign * numerator, scale)
    } else {
        Ratio::new(
            (sign * numerator).checked_mul(scale).ok_or_else(too_long)?,
            1,
        )
    };
    Ok(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_never_add_up_to_more() {
        let number = |text| Exact::parse(text).unwrap();
        assert_eq!(number("0.05").shared_by(20).fraction(), (1, 400));
        // 10¹⁵ · 10,007 is more than a denominator holds: rounded down, by little.
        let odd = number("0.000000000000007");
        let shares = 10_007;
        assert!(odd.divided_by(shares).is_none());
        let share = odd.shared_by(shares);
        let (top, bottom) = share.fraction();
        let sum = i128::from(top) * i128::from(shares) * 1_000_000_000_000_000;
        assert!(sum <= 7 * i128::from(bottom), "{share}");
        assert!((share.value() * f64::from(shares) / 7e-15 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn reads_what_toml_writes() {
        for (text, fraction) in [
            ("0.05", (1, 20)),
            ("5e-2", (1, 20)),
            ("5E-2", (1, 20)),
            ("+0.5", (1, 2)),
            ("-3", (-3, 1)),
            ("1_000", (1000, 1)),
            ("0", (0, 1)),
            ("0.000", (0, 1)),
            ("2/255", (2, 255)),
            ("0.5/255", (1, 510)),
            ("1e3", (1000, 1)),
            ("0.30000000000000", (3, 10)),
        ] {
            assert_eq!(Exact::parse(text).unwrap().fraction(), fraction, "{text}");
        }
        for text in [
            "",
            "x",
            "inf",
            "nan",
            "1/0",
            "1/",
            "1.2.3",
            "--1",
            "1e99",
            "0.1234567890123456",
        ] {
            assert!(Exact::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        for (text, expected) in [
            ("8 GiB", Some(8 << 30)),
            ("500MB", Some(500_000_000)),
            (" 1 B", Some(1)),
            ("0 GiB", None),
            ("8", None),
            ("8 gib", None),
            ("-1 B", None),
            ("1.5 GiB", None),
            ("18446744073709551615 TiB", None),
            ("9223372036854775808 B", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn segments_are_words_of_a_case_name() {
        assert_eq!(Exact::parse("2/255").unwrap().segment(), "2_255");
        assert_eq!(Exact::parse("2.5").unwrap().segment(), "2.5");
        assert_eq!(Exact::parse("2.50").unwrap().segment(), "2.5");
        assert_eq!(Exact::parse("1.0").unwrap().segment(), "1");
        assert_eq!(Exact::parse("10").unwrap().segment(), "10");
        assert_eq!(Exact::parse("+1E-3").unwrap().segment(), "1e-3");
    }

    proptest! {
        #[test]
        fn the_value_is_the_nearest_double(numerator in 0u32..1_000_000, digits in 0u32..7) {
            let text = format!("{:.*}", digits as usize, f64::from(numerator) / 10f64.powi(digits as i32));
            prop_assert_eq!(Exact::parse(&text).unwrap().value(), text.parse::<f64>().unwrap());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Exact::parse(&text);
        }
    }
}
