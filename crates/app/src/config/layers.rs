//! The four layers, merged by figment.

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Serialized, Toml},
    value::{Dict, Map, Value as Merged},
};
use serde_json::{Number, Value, json};

use super::{Config, KeyPath, check::schema_at};
use crate::Environment;

/// What the names of variables that are configuration start with.
const PREFIX: &str = "FACTOTUM_";
/// Variables of ours that are no configuration.
const RESERVED: [&str; 5] = ["HOME", "CONFIG", "FAILPOINT", "LOG", "BIN"];

/// Where a value was said. Later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Default,
    File,
    Env,
    Flag,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Default => "defaults",
            Self::File => "file",
            Self::Env => "environment",
            Self::Flag => "flags",
        }
    }
}

/// One layer as figment wants it.
struct Source {
    layer: Layer,
    data: Result<Map<Profile, Dict>, figment::Error>,
}

impl Provider for Source {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.layer.name())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.data.clone()
    }
}

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct FromEnvironment {
    dict: Dict,
    /// The variable behind each path.
    pub(super) variables: BTreeMap<KeyPath, String>,
    /// Variables that look like ours and mean nothing.
    pub(super) strangers: Vec<String>,
}

/// Takes the variables `FACTOTUM_SECTION__KEY`. Those without `__` name no key: every key is in a section, and a
/// container platform may put variables such as `FACTOTUM_PORT` into the environment by itself. An empty one counts as
/// not set.
pub(super) fn from_environment(environment: &Environment, schema: &Value) -> FromEnvironment {
    let mut taken = FromEnvironment::default();
    for (variable, value) in &environment.0 {
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        if RESERVED.contains(&rest) || value.is_empty() {
            continue;
        }
        if !rest.contains("__") {
            taken.strangers.push(variable.clone());
            continue;
        }
        let path = KeyPath(rest.to_ascii_lowercase().split("__").map(str::to_owned).collect());
        insert(&mut taken.dict, &path.0, parse(value, schema_at(schema, &path)));
        taken.variables.insert(path, variable.clone());
    }
    taken
}

fn insert(dict: &mut Dict, path: &[String], value: Merged) {
    match path {
        [] => {}
        [name] => {
            dict.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = dict.entry(name.clone()).or_insert_with(|| Merged::from(Dict::new()));
            if let Merged::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// A variable has no type of its own: the schema says what it should be, and only where it is silent figment guesses.
/// A key of digits must stay a text, for instance.
fn parse(value: &str, schema: Option<&Value>) -> Merged {
    let wants = |name: &str| {
        schema.is_some_and(|schema| match &schema["type"] {
            Value::String(one) => one == name,
            Value::Array(several) => several.iter().any(|one| one == name),
            _ => name == "string" && (schema.get("enum").is_some() || schema.get("oneOf").is_some()),
        })
    };
    let guess = || value.parse::<Merged>().unwrap_or_else(|never| match never {});
    if wants("string") {
        return Merged::from(value.to_owned());
    }
    if wants("array") && !value.trim_start().starts_with('[') {
        let items = value.split(',').map(|item| Merged::from(item.trim().to_owned()));
        return Merged::from(items.collect::<Vec<_>>());
    }
    guess()
}

/// The layers on top of each other.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) value: Value,
    pub(super) layers: BTreeMap<KeyPath, Layer>,
}

/// Merges. The error is a sentence without places, for the rare text that only figment refuses.
pub(super) fn merge(text: Option<&str>, environment: FromEnvironment, flags: &Value) -> Result<Tree, String> {
    let sentence = |error: figment::Error| error.kind.to_string();
    let defaults = Serialized::defaults(Config::default());
    let mut figment = Figment::from(Source { layer: Layer::Default, data: defaults.data() });
    if let Some(text) = text {
        figment = figment.merge(Source { layer: Layer::File, data: Toml::string(text).data() });
    }
    let said = Map::from([(Profile::Default, environment.dict)]);
    figment = figment.merge(Source { layer: Layer::Env, data: Ok(said) });
    if flags.as_object().is_some_and(|flags| !flags.is_empty()) {
        figment = figment.merge(Source { layer: Layer::Flag, data: Serialized::defaults(flags).data() });
    }
    let root = figment.find_value("").map_err(sentence)?;
    let mut layers = BTreeMap::new();
    let value = convert(&figment, root, &KeyPath::default(), &mut layers);
    Ok(Tree { value, layers })
}

fn layer(figment: &Figment, value: &Merged) -> Layer {
    let name = figment.get_metadata(value.tag()).map(|metadata| metadata.name.as_ref());
    let all = [Layer::File, Layer::Env, Layer::Flag];
    all.into_iter().find(|layer| name == Some(layer.name())).unwrap_or(Layer::Default)
}

fn convert(figment: &Figment, value: Merged, path: &KeyPath, layers: &mut BTreeMap<KeyPath, Layer>) -> Value {
    if !matches!(&value, Merged::Dict(_, dict) if !dict.is_empty()) {
        layers.insert(path.clone(), layer(figment, &value));
    }
    match value {
        Merged::String(_, text) => Value::String(text),
        Merged::Char(_, one) => Value::String(one.into()),
        Merged::Bool(_, yes) => Value::Bool(yes),
        Merged::Empty(..) => Value::Null,
        Merged::Num(_, number) => {
            let unsigned = number.to_u128().and_then(|number| u64::try_from(number).ok()).map(Number::from);
            let signed = || number.to_i128().and_then(|number| i64::try_from(number).ok()).map(Number::from);
            let float = || number.to_f64().and_then(Number::from_f64);
            unsigned
                .or_else(signed)
                .or_else(float)
                .map_or_else(|| json!(number.to_f64().map(|f| f.to_string())), Value::Number)
        }
        Merged::Array(_, list) => {
            let items = list.into_iter().enumerate();
            items.map(|(at, item)| convert(figment, item, &path.child(at.to_string()), layers)).collect()
        }
        Merged::Dict(_, dict) => {
            // A default of "nothing" is a key that nobody set.
            let set = dict.into_iter().filter(|(_, value)| !matches!(value, Merged::Empty(..)));
            let entries = set.map(|(name, value)| {
                let inner = convert(figment, value, &path.child(name.as_str()), layers);
                (name, inner)
            });
            Value::Object(entries.collect())
        }
    }
}
