//! `calculate_expression`.

mod number;
mod parser;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

pub use number::Number;
pub use parser::{CalculationError, evaluate};

/// Calculates with exact decimals.
#[derive(Debug, Clone, Copy, Default)]
pub struct CalculateExpression;

/// Arguments of `calculate_expression`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalculateExpressionArgs {
    /// Like `17.5% of 1,234.56` or `round(sqrt(2)*3, 2)`.
    expression: String,
}

#[async_trait]
impl TypedTool for CalculateExpression {
    type Args = CalculateExpressionArgs;
    const NAME: &'static str = "calculate_expression";
    const DESCRIPTION: &'static str =
        "Calculate exactly: + - * / % ^ ( ), percent, sqrt abs round floor ceil min max, pi e.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, _context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        match evaluate(&args.expression) {
            Ok(value) => Ok(ToolOutput::text(value.to_string())),
            Err(error) => Err(ToolError::Failed(error.to_string())),
        }
    }
}
