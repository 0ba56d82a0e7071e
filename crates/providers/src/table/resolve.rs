//! From the name of a model to a vendor.

use std::borrow::Cow;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Keys, Model, Price, VENDORS, Vendor, find, keys::is_empty, nearest, vendor, vendor_of_key};

/// Where a model is to be had.
#[derive(Debug, Clone)]
pub struct Resolved<'a> {
    /// From whom.
    pub vendor: &'static Vendor,
    /// Its name there.
    pub model: Cow<'a, str>,
    /// The key; `None` where none is needed.
    pub key: Option<&'a SecretString>,
    /// What is known of it, or of its family.
    pub known: Option<&'static Model>,
}

impl Resolved<'_> {
    /// What it costs, where that is known of this very model.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        if self.vendor.free {
            return Some(Price::FREE);
        }
        // Whoever has a server of one's own may ask any price for it.
        self.known.filter(|_| !self.vendor.keyless)?.price_of(bare(self.vendor, &self.model))
    }

    /// The table of a provider for it, as `build` takes it. The vendor's quirks are not in it: the adapter finds them by
    /// the address.
    #[must_use]
    pub fn table(&self) -> Value {
        let mut table = json!({});
        if !self.vendor.base_url.is_empty() {
            table["base_url"] = self.vendor.base_url.into();
        }
        if let Some(model) = self.known {
            table["images"] = model.images.into();
        }
        table
    }
}

/// A model at a vendor that is known already, such as by its address.
#[must_use]
pub fn of<'a>(vendor: &'static Vendor, model: &'a str) -> Resolved<'a> {
    Resolved { vendor, model: Cow::Borrowed(model), key: None, known: known(vendor, model) }
}

/// Why a name leads nowhere. No text holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name names no model.
    #[error("`{name}` names no model; write one such as `claude-sonnet-5` or `openrouter/qwen/qwen3-32b`")]
    NoName {
        /// What was asked for.
        name: String,
    },
    /// Nobody offers such a model.
    #[error("no vendor with a key here offers a model `{name}`; did you mean {}?", list(nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names most like it.
        nearest: Vec<&'static str>,
    },
    /// The vendor has no key.
    #[error("the model `{model}` is one of {vendor}, and there is no key for it; set {variable}")]
    NoKey {
        /// What was asked for.
        model: String,
        /// Whose it is.
        vendor: &'static str,
        /// The variable that would hold the key.
        variable: &'static str,
    },
    /// There are keys, but not of the vendor whose model it is.
    #[error(
        "the model `{model}` is one of {vendor}, and the key at hand is one of {have}; set {variable}, or choose a model of {have}"
    )]
    OtherKey {
        /// What was asked for.
        model: String,
        /// Whose it is.
        vendor: &'static str,
        /// Whose key there is.
        have: &'static str,
        /// The variable that would hold the right key.
        variable: &'static str,
    },
    /// The key is there and empty.
    #[error("the key of {vendor} is empty; set {variable}")]
    EmptyKey {
        /// Whose.
        vendor: &'static str,
        /// The variable that should hold it.
        variable: &'static str,
    },
    /// What stands in the place of a vendor's key is the key of another one.
    #[error("the key for {vendor} looks like one of {of}; set {variable} to a key of {vendor}")]
    ForeignKey {
        /// For whom it is kept.
        vendor: &'static str,
        /// Whose it seems to be.
        of: &'static str,
        /// The variable that should hold the right one.
        variable: &'static str,
    },
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where the model `name` is to be had with these keys.
///
/// `VENDOR/MODEL` asks that vendor, or a gateway with a key when the vendor has none. Any other name asks the first vendor
/// with a key, in the order of [`VENDORS`], that has such a model or is a gateway.
///
/// # Errors
/// [`ResolveError`], which says what to do.
pub fn resolve<'a>(name: &'a str, keys: &'a Keys) -> Result<Resolved<'a>, ResolveError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(ResolveError::NoName { name: name.to_owned() });
    }
    if let Some((front, model)) = name.split_once('/')
        && let Some(asked) = vendor(front)
    {
        return match model.trim() {
            "" => Err(ResolveError::NoName { name: name.to_owned() }),
            model => of_vendor(asked, name, model, keys),
        };
    }
    let owner = VENDORS.iter().find(|vendor| find(vendor.models, name).is_some());
    let serves = |vendor: &&'static Vendor| find(vendor.models, name).is_some() || is_catalogue(vendor);
    // A name without owner and without a slash is more likely a slip than a model of a gateway.
    let found = keys.vendors().find(serves).filter(|_| owner.is_some() || name.contains('/'));
    if let Some(found) = found {
        return with_key(found, listed(found, owner, name), keys);
    }
    let Some(owner) = owner else {
        return Err(ResolveError::Unknown { name: name.to_owned(), nearest: nearest(name) });
    };
    match (keys.of(owner), keys.vendors().next()) {
        (None, Some(other)) => Err(ResolveError::OtherKey {
            model: name.to_owned(),
            vendor: owner.label,
            have: other.label,
            variable: variable(owner),
        }),
        _ => with_key(owner, Cow::Borrowed(name), keys).map_err(|error| name_it(error, name)),
    }
}

/// A model of a vendor that was asked for by name.
fn of_vendor<'a>(
    asked: &'static Vendor,
    name: &'a str,
    model: &'a str,
    keys: &'a Keys,
) -> Result<Resolved<'a>, ResolveError> {
    let missing = !asked.keyless && keys.of(asked).is_none();
    if missing {
        // What stands before the slash may be a part of the name, as in Groq's `openai/gpt-oss-20b`.
        if let Some(other) = keys.vendors().find(|vendor| find(vendor.models, name).is_some()) {
            return with_key(other, Cow::Borrowed(name), keys);
        }
        if let Some(gateway) = keys.vendors().find(is_catalogue) {
            return with_key(gateway, listed(gateway, Some(asked), model), keys);
        }
    }
    if let Some(other) = keys.vendors().next().filter(|_| missing) {
        return Err(ResolveError::OtherKey {
            model: model.to_owned(),
            vendor: asked.label,
            have: other.label,
            variable: variable(asked),
        });
    }
    with_key(asked, Cow::Borrowed(model), keys).map_err(|error| name_it(error, name))
}

/// Whether a vendor lists models of many others under its own key. Servers on one's own machine are asked only by name.
fn is_catalogue(vendor: &&'static Vendor) -> bool {
    vendor.gateway && !vendor.keyless && !vendor.base_url.is_empty()
}

/// What a model is called at `vendor`: gateways put its owner's slug in front of it, where it has one.
fn listed<'a>(vendor: &Vendor, owner: Option<&Vendor>, model: &'a str) -> Cow<'a, str> {
    let slug = owner.map_or("", |owner| owner.slug);
    // AIHubMix has all names without what stands in front of them.
    let slashed = vendor.gateway && vendor.name != "aihubmix";
    if slashed && !slug.is_empty() && !model.contains('/') {
        Cow::Owned(format!("{slug}/{model}"))
    } else {
        Cow::Borrowed(model)
    }
}

/// The model's own name, without the slug that a gateway puts in front of it.
fn bare<'a>(vendor: &Vendor, model: &'a str) -> &'a str {
    match model.split_once('/') {
        Some((_, bare)) if vendor.gateway => bare,
        _ => model,
    }
}

fn with_key<'a>(
    vendor: &'static Vendor,
    model: Cow<'a, str>,
    keys: &'a Keys,
) -> Result<Resolved<'a>, ResolveError> {
    let key = keys.of(vendor).filter(|key| !vendor.keyless || !is_empty(key));
    match key {
        None if vendor.keyless => {}
        None => {
            let (model, variable) = (model.into_owned(), variable(vendor));
            return Err(ResolveError::NoKey { model, vendor: vendor.label, variable });
        }
        Some(key) if is_empty(key) => {
            return Err(ResolveError::EmptyKey { vendor: vendor.label, variable: variable(vendor) });
        }
        Some(key) => {
            // A server of one's own may stand before any other and take its keys.
            if let Some(of) = vendor_of_key(key).filter(|of| of.name != vendor.name && !vendor.keyless) {
                let (vendor, variable) = (vendor.label, variable(vendor));
                return Err(ResolveError::ForeignKey { vendor, of: of.label, variable });
            }
        }
    }
    let known = known(vendor, &model);
    Ok(Resolved { vendor, model, key, known })
}

/// What is known of a model, also where a gateway passes it on.
fn known(vendor: &Vendor, model: &str) -> Option<&'static Model> {
    if !vendor.gateway {
        return find(vendor.models, model);
    }
    let owner = match model.split_once('/') {
        Some((slug, _)) => VENDORS.iter().find(|vendor| vendor.slug == slug)?,
        None => VENDORS.iter().find(|vendor| find(vendor.models, model).is_some())?,
    };
    find(owner.models, bare(vendor, model))
}

/// Texts name the model as it was asked for.
fn name_it(error: ResolveError, name: &str) -> ResolveError {
    match error {
        ResolveError::NoKey { vendor, variable, .. } => {
            ResolveError::NoKey { model: name.to_owned(), vendor, variable }
        }
        other => other,
    }
}

fn variable(vendor: &Vendor) -> &'static str {
    vendor.env.first().copied().unwrap_or("its key")
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
