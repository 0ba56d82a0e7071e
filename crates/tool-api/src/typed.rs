//! Tools whose arguments are a struct.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Effect, Risk, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

/// A tool with typed arguments. [`Typed`] makes a [`Tool`] of it.
#[async_trait]
pub trait TypedTool: Send + Sync {
    /// The arguments. Doc comments on its fields become the model's instructions; unknown fields must be denied.
    type Args: DeserializeOwned + JsonSchema + Send;
    /// The tool's name.
    const NAME: &'static str;
    /// What it does, for the model.
    const DESCRIPTION: &'static str;
    /// What a repetition would do.
    const EFFECT: Effect;
    /// See [`Tool::waits`].
    const WAITS: bool = false;

    /// How long a call may take.
    fn timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }

    /// See [`Tool::reads_outside`].
    fn reads_outside(&self, _args: &Self::Args) -> bool {
        false
    }

    /// See [`Tool::risk`].
    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        (Self::EFFECT != Effect::Pure).then_some(Risk::Acts)
    }

    /// See [`Tool::key`].
    async fn key(&self, _context: &ToolContext, _args: Self::Args) -> Result<Option<String>, ToolError> {
        Ok(None)
    }

    /// See [`Tool::call`].
    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError>;
}

/// The [`Tool`] made of a [`TypedTool`]: it derives the schema and checks the arguments.
pub struct Typed<T> {
    tool: T,
    spec: ToolSpec,
}

impl<T: TypedTool> Typed<T> {
    /// Wraps `tool`.
    pub fn new(tool: T) -> Self {
        let spec = ToolSpec {
            name: T::NAME.to_owned(),
            description: T::DESCRIPTION.to_owned(),
            parameters: compact_schema(schemars::schema_for!(T::Args).to_value()),
            effect: T::EFFECT,
            timeout: tool.timeout(),
        };
        Self { tool, spec }
    }

    fn parse(arguments: &str) -> Result<T::Args, ToolError> {
        // Models write an empty string where a call has no arguments.
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        // A derived `Deserialize` takes an array for a struct as well; the schema promises an object.
        if !text.trim_start().starts_with('{') {
            return Err(ToolError::InvalidArguments("the arguments must be a JSON object".into()));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let args = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let error = error.into_inner();
            if !error.is_data() {
                return ToolError::InvalidArguments(format!("this is no valid JSON: {error}"));
            }
            let place =
                if matches!(path.as_str(), "." | "?") { String::new() } else { format!(" at `{path}`") };
            ToolError::InvalidArguments(format!("{error}{place}"))
        })?;
        json.end().map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        Ok(args)
    }
}

/// Takes out what costs tokens and tells a model nothing.
fn compact_schema(mut schema: serde_json::Value) -> serde_json::Value {
    if let Some(object) = schema.as_object_mut() {
        for noise in ["$schema", "title", "description"] {
            object.remove(noise);
        }
    }
    schema
}

#[async_trait]
impl<T: TypedTool> Tool for Typed<T> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn waits(&self) -> bool {
        T::WAITS
    }

    fn check(&self, arguments: &str) -> Result<(), ToolError> {
        Self::parse(arguments).map(drop)
    }

    fn reads_outside(&self, arguments: &str) -> bool {
        Self::parse(arguments).is_ok_and(|args| self.tool.reads_outside(&args))
    }

    fn risk(&self, context: &ToolContext, arguments: &str) -> Option<Risk> {
        self.tool.risk(context, &Self::parse(arguments).ok()?)
    }

    async fn key(&self, context: &ToolContext, arguments: &str) -> Result<Option<String>, ToolError> {
        self.tool.key(context, Self::parse(arguments)?).await
    }

    async fn call(&self, context: &ToolContext, arguments: &str) -> Result<ToolOutput, ToolError> {
        self.tool.run(context, Self::parse(arguments)?).await
    }
}
