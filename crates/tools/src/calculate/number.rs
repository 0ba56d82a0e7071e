//! A decimal that knows whether it has been rounded.

use std::fmt;

use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

/// Largest exponent of a power, either sign.
const MAX_EXPONENT: i64 = 1000;

/// Digits of a rounded number that are shown; two fewer than are calculated with.
const SHOWN_DIGITS: u32 = 26;

/// A decimal of up to 28 digits, and whether it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The value.
    pub value: Decimal,
    /// Whether no digit was lost on the way to it.
    pub exact: bool,
}

/// What a result too large is called.
const OVERFLOW: &str = "the number is too large (at most about 7.9e28)";

impl Number {
    pub(super) const fn exact(value: Decimal) -> Self {
        Self { value, exact: true }
    }

    pub(super) fn rounded(value: Decimal) -> Self {
        Self { value, exact: false }
    }

    fn both(self, other: Self, value: Decimal, exact: bool) -> Self {
        Self { value, exact: self.exact && other.exact && exact }
    }

    pub(super) fn add(self, other: Self) -> Result<Self, &'static str> {
        let sum = self.value.checked_add(other.value).ok_or(OVERFLOW)?;
        // The sum keeps the finer of the two scales unless digits had to go.
        let (a, b) = (self.value.normalize().scale(), other.value.normalize().scale());
        Ok(self.both(other, sum, sum.scale() >= a.max(b)))
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, &'static str> {
        self.add(other.negate())
    }

    pub(super) fn negate(self) -> Self {
        Self { value: -self.value, exact: self.exact }
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, &'static str> {
        let (a, b) = (self.value.normalize(), other.value.normalize());
        let product = a.checked_mul(b).ok_or(OVERFLOW)?;
        let exact = a.is_zero() || b.is_zero() || product.scale() >= a.scale() + b.scale();
        Ok(self.both(other, product, exact))
    }

    pub(super) fn divide(self, other: Self) -> Result<Self, &'static str> {
        if other.value.is_zero() {
            return Err("division by zero");
        }
        let quotient = self.value.checked_div(other.value).ok_or(OVERFLOW)?;
        let back = Self::exact(quotient).multiply(Self::exact(other.value));
        let exact = back.is_ok_and(|back| back.exact && back.value == self.value);
        Ok(self.both(other, quotient, exact))
    }

    pub(super) fn remainder(self, other: Self) -> Result<Self, &'static str> {
        if other.value.is_zero() {
            return Err("division by zero");
        }
        let rest = self.value.checked_rem(other.value).ok_or(OVERFLOW)?;
        Ok(self.both(other, rest, true))
    }

    pub(super) fn percent(self) -> Result<Self, &'static str> {
        self.multiply(Self::exact(Decimal::new(1, 2)))
    }

    pub(super) fn power(self, exponent: Self) -> Result<Self, &'static str> {
        let whole = exponent.whole(-MAX_EXPONENT, MAX_EXPONENT);
        let exponent = whole.ok_or("the exponent must be a whole number between -1000 and 1000")?;
        if exponent < 0 {
            return Self::exact(Decimal::ONE).divide(self.power(Self::exact(Decimal::from(-exponent)))?);
        }
        let mut result = Self { value: Decimal::ONE, exact: self.exact };
        let mut base = self;
        let mut left = exponent;
        while left > 0 {
            if left % 2 == 1 {
                result = result.multiply(base)?;
            }
            left /= 2;
            if left > 0 {
                base = base.multiply(base)?;
            }
        }
        Ok(result)
    }

    pub(super) fn sqrt(self) -> Result<Self, &'static str> {
        let root = self.value.sqrt().ok_or("the square root of a negative number")?;
        let back = Self::exact(root).multiply(Self::exact(root));
        let exact = back.is_ok_and(|back| back.exact && back.value == self.value);
        Ok(Self { value: root, exact: self.exact && exact })
    }

    pub(super) fn abs(self) -> Self {
        Self { value: self.value.abs(), exact: self.exact }
    }

    pub(super) fn floor(self) -> Self {
        Self { value: self.value.floor(), exact: self.exact }
    }

    pub(super) fn ceil(self) -> Self {
        Self { value: self.value.ceil(), exact: self.exact }
    }

    /// Rounds to `places`, halves away from zero.
    pub(super) fn round(self, places: Self) -> Result<Self, &'static str> {
        let places = places.whole(0, 28).and_then(|places| u32::try_from(places).ok());
        let places = places.ok_or("round takes between 0 and 28 places")?;
        let value = self.value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        Ok(Self { value, exact: self.exact })
    }

    fn whole(self, least: i64, most: i64) -> Option<i64> {
        let value = self.value.normalize();
        if value.scale() > 0 {
            return None;
        }
        i64::try_from(value).ok().filter(|value| (least..=most).contains(value))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last digits of a rounded number are noise: without them a third times three is one.
        let shown = if self.exact { None } else { self.value.round_sf(SHOWN_DIGITS) };
        let value = shown.unwrap_or(self.value).normalize();
        // A negative zero is none to a person.
        let value = if value.is_zero() { Decimal::ZERO } else { value };
        write!(f, "{value}{}", if self.exact { "" } else { " (rounded)" })
    }
}
