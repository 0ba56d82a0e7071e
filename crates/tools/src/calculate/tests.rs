use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use tool_api::{Tool, Typed, contract};

use super::*;
use crate::testing::call;

fn value(expression: &str) -> String {
    evaluate(expression).map_or_else(|error| error.to_string(), |value| value.to_string())
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let tool: Arc<dyn Tool> = Arc::new(Typed::new(CalculateExpression));
    contract::check(&tool, r#"{"expression":"1+1"}"#).await;
    assert_eq!(call(&tool, r#"{"expression":"17.5% of 1234.56"}"#).await.unwrap(), "216.048");
}

#[test]
fn expressions_have_their_values() {
    let table = [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("0.1+0.2", "0.3"),
        ("10-2-3", "5"),
        ("100/8/2", "6.25"),
        ("-2^2", "-4"),
        ("(-2)^2", "4"),
        ("2^-2", "0.25"),
        ("2^3^2", "512"),
        ("2**10", "1024"),
        ("2*-3", "-6"),
        ("--3", "3"),
        ("-0", "0"),
        ("10 % 3", "1"),
        ("10 % (3)", "1"),
        ("-7 % 3", "-1"),
        ("50%", "0.5"),
        ("50% * 4", "2"),
        ("100 + 10%", "100.1"),
        ("17.5% of 1234.56", "216.048"),
        ("17.5 % of 1,234.56", "216.048"),
        ("10% of 20% of 500", "10"),
        ("1_000_000 + 1,234,567", "2234567"),
        (".5 + 1.", "1.5"),
        ("1/3", "0.33333333333333333333333333 (rounded)"),
        ("1/3*3", "1 (rounded)"),
        ("1/4", "0.25"),
        ("2/3*0", "0 (rounded)"),
        ("sqrt(16)", "4"),
        ("sqrt(2)", "1.4142135623730950488016887 (rounded)"),
        ("abs(-1.5)", "1.5"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1.005, 2)", "1.01"),
        ("floor(-1.5)", "-2"),
        ("ceil(1.2)", "2"),
        ("min(3, 1, 2)", "1"),
        ("max(100,200)", "200"),
        ("max((1,234), 5)", "1234"),
        ("PI", "3.1415926535897932384626434 (rounded)"),
        ("2 \u{d7} 3 \u{f7} 4 \u{2212} 1", "0.5"),
        ("0.0000000000000000001 * 0.0000000000000000001", "0 (rounded)"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
    ];
    for (expression, expected) in table {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let table = [
        ("", "at character 1: a number was expected, but the expression ends"),
        ("1+", "at character 3: a number was expected, but the expression ends"),
        ("1+*2", "at character 3: a number was expected, not `*`"),
        ("(1+2", "at character 1: this `(` is not closed"),
        ("1)", "at character 2: this `)` closes nothing"),
        ("1 2", "at character 3: an operator was expected, not `2`"),
        ("1/0", "at character 2: division by zero"),
        ("1%(1-1)", "at character 2: division by zero"),
        ("0^-1", "at character 2: division by zero"),
        ("2^0.5", "at character 2: the exponent must be a whole number between -1000 and 1000"),
        ("10^29", "at character 3: the number is too large (at most about 7.9e28)"),
        ("1,5", "at character 2: a comma only groups thousands; the decimal point is `.`"),
        ("1,2345", "at character 2: a comma only groups thousands; the decimal point is `.`"),
        ("1.2.3", "at character 4: an operator was expected, not `.`"),
        (".", "at character 1: a number was expected, not `.`"),
        ("foo(1)", "at character 1: `foo` is not known; there are sqrt abs round floor ceil min max pi e"),
        ("sqrt 4", "at character 6: `sqrt` needs its arguments in parentheses"),
        ("sqrt(-4)", "at character 1: the square root of a negative number"),
        ("sqrt(1,234)", "at character 1: this function takes one argument; write no commas in its number"),
        ("round(1,2,3)", "at character 1: round takes a number and, if wanted, the places"),
        ("ä", "at character 1: `ä` is not known; there are sqrt abs round floor ceil min max pi e"),
    ];
    for (expression, expected) in table {
        assert_eq!(value(expression), expected, "{expression}");
    }
    assert!(value(&"1".repeat(29)).contains("too many digits") || value(&"1".repeat(29)).starts_with("1111"));
    assert!(value(&"9".repeat(40)).contains("too many digits"));
    assert!(value(&"(".repeat(500)).contains("nested more than 64 deep"));
    assert!(value(&"-".repeat(500)).contains("nested more than 64 deep"));
    assert!(value(&"2^".repeat(400)).contains("nested more than 64 deep"));
    assert!(value(&"1+".repeat(600)).contains("more than 1000 characters"));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(expression in "[-0-9+*/%^()., _a-zπ×]{0,60}") {
        let _value = evaluate(&expression);
    }

    #[test]
    fn nor_does_what_looks_like_an_expression(
        parts in proptest::collection::vec(
            "[0-9]{1,28}|\\.|[-+*/%^(),]| of |sqrt\\(|round\\(|min\\(|pi|e|%|79228162514264337593543950335", 0..30,
        ),
    ) {
        let _value = evaluate(&parts.concat());
    }

    #[test]
    fn sums_and_products_are_those_of_decimals(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000, scale in 0u32..6) {
        let (x, y) = (Decimal::new(a, scale), Decimal::new(b, 2));
        let same = |operator: &str, expected: Decimal| {
            let got = evaluate(&format!("({x}) {operator} ({y})")).unwrap();
            got.value == expected && got.exact
        };
        prop_assert!(same("+", x + y));
        prop_assert!(same("-", x - y));
        prop_assert!(same("*", x * y));
        if b != 0 {
            prop_assert_eq!(evaluate(&format!("({x}) / ({y})")).unwrap().value, x / y);
        }
    }

    #[test]
    fn what_is_called_exact_is_exact(a in any::<i64>(), b in 1i64..1_000_000, s in 0u32..20) {
        let (x, y) = (Number::exact(Decimal::new(a, s)), Number::exact(Decimal::new(b, 3)));
        let quotient = x.divide(y).unwrap();
        if quotient.exact {
            prop_assert_eq!(quotient.value * y.value, x.value);
        }
    }
}
