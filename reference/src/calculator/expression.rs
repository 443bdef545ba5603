//! Expressions, read by recursive descent: one function for each level of precedence, and each calls the next higher
//! one for its operands. The functions are the grammar:
//!
//! ```text
//! expression = term   { ( "+" | "-" ) term }
//! term       = factor { ( "*" | "/" | "%" ) factor }
//! factor     = ( "-" | "+" ) factor | power
//! power      = atom [ ( "**" | "^" ) factor ]
//! atom       = number | "(" expression ")"
//! ```
//!
//! A loop, as in `term`, groups to the left: `8-3-2` is 3. A recursion, as in `power`, groups to the right: `2**3**2` is
//! 2 to the 9th. And `-2**2` is -4, because the sign is looked at before the power is.
//!
//! Owns reading and order; the arithmetic is in [`super::number`].

use super::number::{Number, Trouble};

type Result = std::result::Result<Number, Trouble>;

/// How deeply brackets, signs and powers may be nested. Each level takes some of the stack, and a stack that overflows
/// takes the whole server with it: no handler can catch that. 100 000 opening brackets fit into one line.
const DEEPEST: usize = 200;

/// What the text is worth. Takes time in proportion to its length.
///
/// # Errors
/// If the text is no expression, or has no value.
pub fn evaluate(text: &[u8]) -> Result {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if parser.peek().is_none() {
        return Err(Trouble::Empty);
    }
    let value = parser.expression()?;
    match parser.peek() {
        None => Ok(value),
        Some(b')') => Err(Trouble::NotOpened),
        Some(_) => Err(Trouble::NoOperator),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// The next byte that is no blank. Blanks may be everywhere except within a number or the sign `**`.
    fn peek(&mut self) -> Option<u8> {
        let blanks = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blanks;
        self.text.get(self.at).copied()
    }

    /// Steps over `sign` if it is next.
    fn eat(&mut self, sign: &[u8]) -> bool {
        self.peek();
        let found = self.text[self.at..].starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn expression(&mut self) -> Result {
        let mut value = self.term()?;
        loop {
            if self.eat(b"+") {
                value = value.plus(self.term()?)?;
            } else if self.eat(b"-") {
                value = value.minus(self.term()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn term(&mut self) -> Result {
        let mut value = self.factor()?;
        loop {
            // A `**` cannot be next: the power before it would have taken it.
            if self.eat(b"*") {
                value = value.times(self.factor()?)?;
            } else if self.eat(b"/") {
                value = value.divided_by(self.factor()?)?;
            } else if self.eat(b"%") {
                value = value.modulo(self.factor()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    /// Every way to go deeper comes through here.
    fn factor(&mut self) -> Result {
        if self.depth == DEEPEST {
            return Err(Trouble::TooDeep);
        }
        self.depth += 1;
        let value = if self.eat(b"-") {
            self.factor()?.negated()?
        } else if self.eat(b"+") {
            self.factor()?
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn power(&mut self) -> Result {
        let base = self.atom()?;
        if self.eat(b"**") || self.eat(b"^") { base.power(self.factor()?) } else { Ok(base) }
    }

    fn atom(&mut self) -> Result {
        match self.peek() {
            None => Err(Trouble::EndsEarly),
            Some(b'(') => {
                self.at += 1;
                let value = self.expression()?;
                match self.peek() {
                    Some(b')') => {
                        self.at += 1;
                        Ok(value)
                    }
                    None => Err(Trouble::NotClosed),
                    Some(_) => Err(Trouble::NoOperator),
                }
            }
            Some(b'0'..=b'9' | b'.') => {
                let rest = &self.text[self.at..];
                let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
                self.at += length;
                Number::read(&rest[..length])
            }
            Some(_) => Err(Trouble::NoNumber),
        }
    }
}
