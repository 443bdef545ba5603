//! Numbers as people expect them: whole ones stay exact, and nothing overflows in silence.
//!
//! Owns the arithmetic and how a number is printed; knows no signs and no brackets.

use std::fmt;

use thiserror::Error;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub enum Trouble {
    /// Something is divided by zero, or the remainder of that is asked for.
    #[error("division by zero")]
    DivisionByZero,
    /// The result does not fit. `9**9**9` has 369 million digits: a server that insists on finding them all is out of
    /// work for a long time.
    #[error("the result is too large")]
    TooLarge,
    /// A root of a negative number.
    #[error("the result is not a real number")]
    NotReal,
    /// An empty line.
    #[error("there is no expression")]
    Empty,
    /// The line ends where a number should be.
    #[error("the expression ends too early")]
    EndsEarly,
    /// A number or a bracket should be here.
    #[error("a number or an opening bracket was expected")]
    NoNumber,
    /// A sign should be here.
    #[error("an operator was expected")]
    NoOperator,
    /// A bracket that nobody closes.
    #[error("a closing bracket is missing")]
    NotClosed,
    /// A bracket that nobody opened.
    #[error("a closing bracket is left over")]
    NotOpened,
    /// More brackets in brackets than this parser follows.
    #[error("the expression is nested too deeply")]
    TooDeep,
    /// More bytes than a line may have.
    #[error("the line is too long")]
    TooLong,
}

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number, exact. A `f64` would round beyond 2^53.
    Whole(i128),
    /// Any other, with the 15 to 17 digits of a `f64`. Always finite.
    Decimal(f64),
}

use Number::{Decimal, Whole};

type Result = std::result::Result<Number, Trouble>;

/// A decimal that is a number at all: floating point has values for "too large" and "makes no sense", which would
/// print as `inf` and `NaN` and spread through every further step.
fn decimal(value: f64) -> Result {
    if value.is_nan() {
        Err(Trouble::NotReal)
    } else if value.is_infinite() {
        Err(Trouble::TooLarge)
    } else {
        Ok(Decimal(value))
    }
}

impl Number {
    fn value(self) -> f64 {
        match self {
            Whole(value) => value as f64,
            Decimal(value) => value,
        }
    }

    fn is_zero(self) -> bool {
        self.value() == 0.0
    }

    /// Whole with whole is whole, or too large; anything else is decimal.
    fn combine(self, other: Self, whole: fn(i128, i128) -> Option<i128>, other_wise: fn(f64, f64) -> f64) -> Result {
        match (self, other) {
            (Whole(a), Whole(b)) => whole(a, b).map(Whole).ok_or(Trouble::TooLarge),
            _ => decimal(other_wise(self.value(), other.value())),
        }
    }

    /// `self + other`
    ///
    /// # Errors
    /// Too large.
    pub fn plus(self, other: Self) -> Result {
        self.combine(other, i128::checked_add, |a, b| a + b)
    }

    /// `self - other`
    ///
    /// # Errors
    /// Too large.
    pub fn minus(self, other: Self) -> Result {
        self.combine(other, i128::checked_sub, |a, b| a - b)
    }

    /// `self * other`
    ///
    /// # Errors
    /// Too large.
    pub fn times(self, other: Self) -> Result {
        self.combine(other, i128::checked_mul, |a, b| a * b)
    }

    /// `self / other`: whole if that is exact, otherwise decimal. `7/2` is 3.5, not 3.
    ///
    /// # Errors
    /// Division by zero; too large.
    pub fn divided_by(self, other: Self) -> Result {
        if other.is_zero() {
            return Err(Trouble::DivisionByZero);
        }
        match (self, other) {
            (Whole(a), Whole(b)) if a.checked_rem(b) == Some(0) => a.checked_div(b).map(Whole).ok_or(Trouble::TooLarge),
            _ => decimal(self.value() / other.value()),
        }
    }

    /// `self % other`: what is left of a division rounded down, as in Python, so that it has the sign of `other`. C
    /// and Rust round towards zero: there `-7 % 3` is -1, here it is 2.
    ///
    /// # Errors
    /// Division by zero.
    pub fn modulo(self, other: Self) -> Result {
        if other.is_zero() {
            return Err(Trouble::DivisionByZero);
        }
        self.combine(
            other,
            |a, b| {
                // The one case that overflows is the smallest number by -1, and leaves nothing.
                let rest = a.checked_rem(b).unwrap_or(0);
                Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
            },
            |a, b| {
                let rest = a % b;
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            },
        )
    }

    /// `self ** other`
    ///
    /// # Errors
    /// Too large; zero to a negative power; a root of a negative number.
    pub fn power(self, other: Self) -> Result {
        match (self, other) {
            (Whole(a), Whole(b)) if b >= 0 => match (a, u32::try_from(b)) {
                (0 | 1, _) if b != 0 => Ok(self),
                (-1, _) => Ok(Whole(if b % 2 == 0 { 1 } else { -1 })),
                // At most 127 factors fit, and this stops at the first that does not.
                (_, Ok(exponent)) => a.checked_pow(exponent).map(Whole).ok_or(Trouble::TooLarge),
                (_, Err(_)) => Err(Trouble::TooLarge),
            },
            _ if self.is_zero() && other.value() < 0.0 => Err(Trouble::DivisionByZero),
            _ => decimal(self.value().powf(other.value())),
        }
    }

    /// `-self`
    ///
    /// # Errors
    /// Too large: there is one negative number more than there are positive ones.
    pub fn negated(self) -> Result {
        match self {
            Whole(value) => value.checked_neg().map(Whole).ok_or(Trouble::TooLarge),
            Decimal(value) => Ok(Decimal(-value)),
        }
    }

    /// Reads digits, perhaps with a point among them.
    ///
    /// # Errors
    /// Too large; no digit at all.
    pub fn read(text: &[u8]) -> Result {
        let text = std::str::from_utf8(text).map_err(|_| Trouble::NoNumber)?;
        if text.contains('.') {
            return text.parse().map_err(|_| Trouble::NoNumber).and_then(decimal);
        }
        text.parse().map(Whole).map_err(|_| if text.is_empty() { Trouble::NoNumber } else { Trouble::TooLarge })
    }
}

impl fmt::Display for Number {
    /// The shortest text that reads back as the same number. Whole results have no `.0`, wherever they come from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Whole(value) => write!(f, "{value}"),
            Decimal(0.0) => write!(f, "0"), // not "-0"
            Decimal(value) if (1e-5..1e16).contains(&value.abs()) => write!(f, "{value}"),
            Decimal(value) => write!(f, "{value:e}"),
        }
    }
}
