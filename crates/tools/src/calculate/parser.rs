//! Reads and calculates in one go: operators by their binding power.
//!
//! From loose to tight: `+ -`, then `* / % of`, then a minus sign in front, then `^` (from the right), then a percent
//! sign behind. `%` is a remainder when an operand without a sign follows, else a percent sign.

use rust_decimal::Decimal;

use super::number::Number;

/// Longest expression in characters.
const MAX_LENGTH: usize = 1000;
/// How deep parentheses, signs and powers may nest.
const MAX_DEPTH: usize = 64;
/// Most arguments of one function.
const MAX_ARGUMENTS: usize = 100;

/// An expression that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {reason}")]
pub struct CalculationError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub reason: String,
}

/// The value of `expression`.
///
/// # Errors
/// When it is no expression, too long or too deep, when a number is too large, at a division by zero.
pub fn evaluate(expression: &str) -> Result<Number, CalculationError> {
    let text: Vec<char> = expression.chars().take(MAX_LENGTH + 1).collect();
    let mut parser = Parser { text: &text, at: 0, depth: 0, calls: 0 };
    if text.len() > MAX_LENGTH {
        return Err(parser.error(0, format!("the expression has more than {MAX_LENGTH} characters")));
    }
    let value = parser.sum()?;
    parser.space();
    match parser.peek() {
        None => Ok(value),
        Some(',') => Err(parser.error(parser.at, "a comma only groups thousands; the decimal point is `.`")),
        Some(')') => Err(parser.error(parser.at, "this `)` closes nothing")),
        Some(c) => Err(parser.error(parser.at, format!("an operator was expected, not `{c}`"))),
    }
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    depth: usize,
    /// How many function calls are open: in them a comma separates arguments.
    calls: usize,
}

type Value = Result<Number, CalculationError>;

impl Parser<'_> {
    fn error(&self, at: usize, reason: impl Into<String>) -> CalculationError {
        CalculationError { position: at + 1, reason: reason.into() }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes `c` if it comes next, white space aside.
    fn take(&mut self, c: char) -> bool {
        self.space();
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    /// Takes the first of `signs` that comes next.
    fn operator(&mut self, signs: &[char]) -> Option<(usize, char)> {
        self.space();
        let c = self.peek().filter(|c| signs.contains(c))?;
        self.at += 1;
        Some((self.at - 1, c))
    }

    /// Whether a name, a number or a parenthesis follows, and not the word `of`.
    fn operand_follows(&mut self) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        let word: String = rest.iter().take_while(|c| c.is_alphanumeric()).collect();
        word != "of" && rest.first().is_some_and(|c| c.is_alphanumeric() || matches!(c, '(' | '.'))
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Value) -> Value {
        if self.depth == MAX_DEPTH {
            return Err(self.error(self.at, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn sum(&mut self) -> Value {
        let mut left = self.product()?;
        while let Some((at, sign)) = self.operator(&['+', '-', '\u{2212}']) {
            let right = self.product()?;
            let value = if sign == '+' { left.add(right) } else { left.subtract(right) };
            left = value.map_err(|reason| self.error(at, reason))?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Value {
        let mut left = self.signed()?;
        loop {
            let value = if let Some((at, sign)) = self.operator(&['*', '/', '\u{d7}', '\u{f7}', '\u{b7}']) {
                let right = self.signed()?;
                let divides = matches!(sign, '/' | '\u{f7}');
                (at, if divides { left.divide(right) } else { left.multiply(right) })
            } else if self.peek() == Some('%') {
                // Only a remainder is left of the percent signs: `postfix` has taken the others.
                self.at += 1;
                let at = self.at - 1;
                let right = self.signed()?;
                (at, left.remainder(right))
            } else if self.word_of() {
                let at = self.at - 2;
                let right = self.signed()?;
                (at, left.multiply(right))
            } else {
                return Ok(left);
            };
            left = value.1.map_err(|reason| self.error(value.0, reason))?;
        }
    }

    /// Takes the word `of` if it comes next.
    fn word_of(&mut self) -> bool {
        self.space();
        let is_of = self.text[self.at..].starts_with(&['o', 'f'])
            && !self.text.get(self.at + 2).is_some_and(|c| c.is_alphanumeric());
        self.at += if is_of { 2 } else { 0 };
        is_of
    }

    fn signed(&mut self) -> Value {
        match self.operator(&['+', '-', '\u{2212}']) {
            Some((_, '+')) => self.nested(Self::signed),
            Some(_) => self.nested(Self::signed).map(Number::negate),
            None => self.power(),
        }
    }

    fn power(&mut self) -> Value {
        let base = self.postfix()?;
        self.space();
        let at = self.at;
        let rest = &self.text[at..];
        if rest.starts_with(&['^']) {
            self.at += 1;
        } else if rest.starts_with(&['*', '*']) {
            self.at += 2;
        } else {
            return Ok(base);
        }
        let exponent = self.nested(Self::signed)?;
        base.power(exponent).map_err(|reason| self.error(at, reason))
    }

    fn postfix(&mut self) -> Value {
        let mut value = self.operand()?;
        loop {
            self.space();
            let at = self.at;
            if self.peek() != Some('%') {
                return Ok(value);
            }
            self.at += 1;
            if self.operand_follows() {
                self.at = at;
                return Ok(value);
            }
            value = value.percent().map_err(|reason| self.error(at, reason))?;
        }
    }

    fn operand(&mut self) -> Value {
        self.space();
        match self.peek() {
            None => Err(self.error(self.at, "a number was expected, but the expression ends")),
            Some('(') => {
                let open = self.at;
                self.at += 1;
                // Inside a parenthesis of its own a comma groups thousands again.
                let calls = std::mem::take(&mut self.calls);
                let value = self.nested(Self::sum)?;
                self.calls = calls;
                if self.take(')') { Ok(value) } else { Err(self.error(open, "this `(` is not closed")) }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.literal(),
            Some(c) if c.is_alphabetic() => self.name(),
            Some(c) => Err(self.error(self.at, format!("a number was expected, not `{c}`"))),
        }
    }

    fn literal(&mut self) -> Value {
        let start = self.at;
        let mut digits = String::new();
        let mut point = false;
        while let Some(c) = self.peek() {
            let follows = |offset: usize| self.text.get(self.at + offset).is_some_and(char::is_ascii_digit);
            match c {
                '0'..='9' => digits.push(c),
                '.' if !point => {
                    point = true;
                    digits.push(c);
                }
                '_' if follows(1) && digits.ends_with(|c: char| c.is_ascii_digit()) => {}
                ',' if self.calls == 0 && !point && follows(1) && follows(2) && follows(3) && !follows(4) => {
                }
                _ => break,
            }
            self.at += 1;
        }
        if digits == "." {
            return Err(self.error(start, "a number was expected, not `.`"));
        }
        // `1.` and `.5` are numbers to people, not to the parser of decimals.
        let text = format!("0{}", digits.strip_suffix('.').unwrap_or(&digits));
        match Decimal::from_str_exact(&text) {
            Ok(value) => Ok(Number::exact(value)),
            Err(_) => Err(self.error(start, "the number has too many digits (at most 28)")),
        }
    }

    fn name(&mut self) -> Value {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        let name: String = self.text[start..self.at].iter().collect::<String>().to_lowercase();
        match name.as_str() {
            "pi" | "\u{3c0}" => return Ok(Number::rounded(Decimal::PI)),
            "e" => return Ok(Number::rounded(Decimal::E)),
            "sqrt" | "abs" | "round" | "floor" | "ceil" | "min" | "max" => {}
            _ => {
                let known = "sqrt abs round floor ceil min max pi e";
                return Err(self.error(start, format!("`{name}` is not known; there are {known}")));
            }
        }
        if !self.take('(') {
            return Err(self.error(self.at, format!("`{name}` needs its arguments in parentheses")));
        }
        self.calls += 1;
        let mut arguments = Vec::new();
        loop {
            if arguments.len() == MAX_ARGUMENTS {
                return Err(self.error(self.at, format!("more than {MAX_ARGUMENTS} arguments")));
            }
            arguments.push(self.nested(Self::sum)?);
            if !self.take(',') {
                break;
            }
        }
        self.calls -= 1;
        if !self.take(')') {
            return Err(self.error(start, format!("the parenthesis of `{name}` is not closed")));
        }
        apply(&name, &arguments).map_err(|reason| self.error(start, reason))
    }
}

fn apply(name: &str, arguments: &[Number]) -> Result<Number, &'static str> {
    let largest = |a: Number, b: Number| if b.value > a.value { b } else { a };
    let smallest = |a: Number, b: Number| if b.value < a.value { b } else { a };
    match (name, arguments) {
        ("min", [first, rest @ ..]) => Ok(rest.iter().copied().fold(*first, smallest)),
        ("max", [first, rest @ ..]) => Ok(rest.iter().copied().fold(*first, largest)),
        ("round", [value]) => value.round(Number::exact(Decimal::ZERO)),
        ("round", [value, places]) => value.round(*places),
        ("round", _) => Err("round takes a number and, if wanted, the places"),
        ("sqrt", [value]) => value.sqrt(),
        ("abs", [value]) => Ok(value.abs()),
        ("floor", [value]) => Ok(value.floor()),
        ("ceil", [value]) => Ok(value.ceil()),
        _ => Err("this function takes one argument; write no commas in its number"),
    }
}
