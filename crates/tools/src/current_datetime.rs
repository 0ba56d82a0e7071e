//! `current_datetime`.

use async_trait::async_trait;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

/// Longest name of a time zone in bytes.
const MAX_NAME: usize = 64;

/// Tells the date and time of the call.
#[derive(Debug, Clone)]
pub struct CurrentDatetime {
    /// `None`: this machine's, looked up at the first call. Finding it reads dozens of files, which a start can do without.
    zone: Option<TimeZone>,
}

impl CurrentDatetime {
    /// With a default zone by its IANA name; without one, the zone of this machine.
    ///
    /// # Errors
    /// When there is no such zone; the text says so.
    pub fn new(zone: Option<&str>) -> Result<Self, String> {
        Ok(Self { zone: zone.map(find).transpose()? })
    }
}

fn find(name: &str) -> Result<TimeZone, String> {
    let unknown = || {
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        format!("there is no time zone `{name}`; use an IANA name such as Europe/Berlin or UTC")
    };
    if name.len() > MAX_NAME {
        return Err(unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}

/// Arguments of `current_datetime`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentDatetimeArgs {
    /// IANA name such as Asia/Tokyo; empty = the user's.
    #[serde(default)]
    timezone: String,
}

#[async_trait]
impl TypedTool for CurrentDatetime {
    type Args = CurrentDatetimeArgs;
    const NAME: &'static str = "current_datetime";
    const DESCRIPTION: &'static str = "Tell the current date and time.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let zone = match args.timezone.trim() {
            "" => self.zone.clone().unwrap_or_else(TimeZone::system),
            name => find(name).map_err(ToolError::InvalidArguments)?,
        };
        let now = Timestamp::from_millisecond(context.now.0).map_err(|_| {
            ToolError::Failed("the clock of this machine stands outside of all calendars".into())
        })?;
        let seconds = now.as_second();
        let local = now.to_zoned(zone);
        let name = local.time_zone().iana_name().unwrap_or("local time").to_owned();
        let shown = local.strftime("%Y-%m-%dT%H:%M:%S%:z (%A)");
        Ok(ToolOutput::text(format!("{shown}, {name}, unix {seconds}")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tool_api::{Tool, Typed, contract};

    use super::*;
    use crate::testing::call;

    fn tool(zone: &str) -> Arc<dyn Tool> {
        Arc::new(Typed::new(CurrentDatetime::new(Some(zone)).unwrap()))
    }

    #[tokio::test]
    async fn it_keeps_the_contract() {
        contract::check(&tool("UTC"), r#"{"timezone":"Asia/Tokyo"}"#).await;
    }

    #[tokio::test]
    async fn the_time_is_that_of_the_call() {
        let tool = tool("UTC");
        let utc = "2027-01-15T08:00:00+00:00 (Friday), UTC, unix 1800000000";
        assert_eq!(call(&tool, "{}").await.unwrap(), utc);
        let berlin = "2027-01-15T09:00:00+01:00 (Friday), Europe/Berlin, unix 1800000000";
        assert_eq!(call(&tool, r#"{"timezone":"Europe/Berlin"}"#).await.unwrap(), berlin);
        let kathmandu = call(&tool, r#"{"timezone":"Asia/Kathmandu"}"#).await.unwrap();
        assert!(kathmandu.contains("T13:45:00+05:45"), "{kathmandu}");
    }

    #[tokio::test]
    async fn an_unknown_zone_is_named() {
        let tool = tool("UTC");
        for zone in ["Mars/Olympus", "../../../etc/passwd", "/etc/localtime", &"x".repeat(500)] {
            let args = serde_json::json!({"timezone": zone}).to_string();
            assert_eq!(call(&tool, &args).await.unwrap_err().class(), "invalid_arguments", "{zone}");
        }
        assert!(CurrentDatetime::new(Some("Nowhere")).unwrap_err().contains("`Nowhere`"));
        assert!(CurrentDatetime::new(None).is_ok());
    }

    #[tokio::test]
    async fn a_clock_gone_mad_is_no_panic() {
        let tool = tool("UTC");
        for now in [i64::MIN, i64::MAX, 0] {
            let mut context = contract::context();
            context.now = session_api::Timestamp(now);
            let _result = tool.call(&context, "{}").await;
        }
    }
}
