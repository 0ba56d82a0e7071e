//! Where a model is to be had.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{ProviderSettings, Registry, RegistryError, Target};
use crate::{
    exchange,
    layers::{FIRST, RatePolicy, ToolStyle},
    table::{self, Keys, Price, ResolveError, VENDORS, Vendor, vendor_of_key},
};

/// The name of the provider without a model, of its model, and of its kind.
pub(super) const OFFLINE: &str = "offline";

/// A model with all that its provider is made of.
pub(super) struct Found {
    pub(super) target: Target,
    pub(super) table: Value,
    pub(super) key: Option<SecretString>,
    pub(super) rate: RatePolicy,
    pub(super) tools: Option<ToolStyle>,
    pub(super) just_in_time: bool,
}

impl Registry {
    pub(super) fn find(&self, name: &str) -> Result<Found, RegistryError> {
        let name = name.trim();
        let providers = &self.settings.providers;
        let (front, model) = match name.split_once('/') {
            Some((front, model)) => (front.trim(), Some(model.trim())),
            None => (name, None),
        };
        if model.is_some_and(str::is_empty) {
            return Err(ResolveError::NoName { name: name.to_owned() }.into());
        }
        if let Some(section) = providers.get(front) {
            return configured(front, section, model.unwrap_or(FIRST));
        }
        if front == OFFLINE {
            return configured(OFFLINE, &ProviderSettings::new(OFFLINE), OFFLINE);
        }
        let default = self.settings.default_provider.as_ref().and_then(|name| providers.get_key_value(name));
        let default = default.filter(|(_, section)| !name.is_empty() && may_have(section, name));
        if let Some((provider, section)) = default.filter(|_| table::vendor(front).is_none()) {
            return configured(provider, section, name);
        }
        let keys = self.keys();
        // A vendor alone: its first model.
        let whole = match (model, table::vendor(front)) {
            (None, Some(vendor)) => format!("{}/{FIRST}", vendor.name),
            _ => name.to_owned(),
        };
        let resolved = match (table::resolve(&whole, &keys), default) {
            (Ok(resolved), _) => resolved,
            // A server of one's own may list its models under the names of their vendors.
            (Err(ResolveError::NoKey { .. } | ResolveError::OtherKey { .. }), Some((provider, section))) => {
                return configured(provider, section, name);
            }
            (Err(error), _) => return Err(error.into()),
        };
        let vendor = resolved.vendor;
        // What is set up in the configuration goes before what the table says.
        let section = providers.iter().find(|(_, section)| {
            vendor_at(section).is_some_and(|at| at.name == vendor.name) && section.key.is_some()
        });
        if let Some((provider, section)) = section {
            return configured(provider, section, &resolved.model);
        }
        let mut table = resolved.table();
        let variable = || format!("{}_BASE_URL", vendor.name.to_ascii_uppercase().replace('-', "_"));
        if let Some(base_url) = self.settings.base_urls.get(vendor.name) {
            exchange::base_url(base_url)
                .map_err(|message| RegistryError::Address { variable: variable(), message })?;
            table["base_url"] = base_url.trim().into();
        }
        let Some(base_url) = table["base_url"].as_str().map(str::to_owned) else {
            let (name, vendor) = (name.to_owned(), vendor.label);
            return Err(RegistryError::NoAddress { name, vendor, variable: variable() });
        };
        let target = Target {
            provider: vendor.name.to_owned(),
            kind: vendor.kind.to_owned(),
            server: server(&base_url),
            vendor: Some(vendor.name),
            context: resolved.known.map(|model| model.context),
            images: resolved.known.map(|model| model.images),
            price: resolved.price(),
            model: resolved.model.clone().into_owned(),
        };
        let key = resolved.key.cloned();
        Ok(Found { target, table, key, rate: RatePolicy::default(), tools: None, just_in_time: false })
    }

    /// The names of all that is known, one for each model and none twice.
    pub(super) fn everything(&self) -> Vec<String> {
        let models = |vendor: Option<&'static Vendor>| -> Vec<&'static str> {
            let own = vendor.filter(|vendor| !vendor.gateway).map_or(&[][..], |vendor| vendor.models);
            if own.is_empty() { vec![FIRST] } else { own.iter().map(|model| model.prefix).collect() }
        };
        let sections = &self.settings.providers;
        let mut all = Vec::new();
        for (name, section) in sections {
            all.extend(models(vendor_at(section)).iter().map(|model| format!("{name}/{model}")));
        }
        let keys = self.keys();
        let known = |vendor: &&Vendor| {
            sections.values().any(|section| vendor_at(section).is_some_and(|at| at.name == vendor.name))
        };
        for vendor in keys.vendors().filter(|vendor| !known(vendor)) {
            all.extend(models(Some(vendor)).iter().map(|model| format!("{}/{model}", vendor.name)));
        }
        all
    }

    /// All keys at hand: those of vendors, and those of configured providers at the addresses of vendors.
    pub(super) fn keys(&self) -> Keys {
        let mut keys = self.settings.keys.clone();
        for section in self.settings.providers.values() {
            if let (Some(vendor), Some(key)) = (vendor_at(section), &section.key)
                && keys.of(vendor).is_none()
            {
                keys = keys.with(vendor, key.clone());
            }
        }
        keys
    }
}

/// The base URL of a configured provider, as far as one is known.
fn base_url(section: &ProviderSettings) -> &str {
    let usual =
        || crate::kinds().iter().find(|kind| kind.name == section.kind).map_or("", |kind| kind.base_url);
    section.table["base_url"].as_str().unwrap_or_else(usual)
}

fn vendor_at(section: &ProviderSettings) -> Option<&'static Vendor> {
    let base_url = base_url(section);
    let same =
        |vendor: &&Vendor| !vendor.base_url.is_empty() && vendor.base_url == base_url.trim_end_matches('/');
    table::at(base_url).or_else(|| VENDORS.iter().find(same))
}

/// Host and port.
fn server(base_url: &str) -> String {
    http_client::parse_url(base_url.trim()).map_or_else(|_| String::new(), |url| http_client::endpoint(&url))
}

/// Whether a model without a vendor in its name may be one of the default provider: its server is nobody's or everybody's,
/// or it knows the model.
fn may_have(section: &ProviderSettings, model: &str) -> bool {
    section.kind != OFFLINE
        && vendor_at(section)
            .is_none_or(|vendor| vendor.gateway || table::find(vendor.models, model).is_some())
}

pub(super) fn price(section: &ProviderSettings, model: &str) -> Option<Price> {
    if section.kind == OFFLINE {
        return Some(Price::FREE);
    }
    section.price.map(|price| price.price()).or_else(|| table::of(vendor_at(section)?, model).price())
}

/// A model of a configured provider.
fn configured(name: &str, section: &ProviderSettings, model: &str) -> Result<Found, RegistryError> {
    let vendor = vendor_at(section);
    if let Some(key) = &section.key {
        if key.expose_secret().trim().is_empty() && vendor.is_none_or(|vendor| !vendor.keyless) {
            let variable = exchange::error::key_variable(name);
            return Err(RegistryError::EmptyKey { provider: name.to_owned(), variable });
        }
        let foreign = vendor_of_key(key).zip(vendor).filter(|(of, at)| of.name != at.name && !at.keyless);
        if let Some((of, at)) = foreign {
            let provider = name.to_owned();
            return Err(RegistryError::ForeignKey { provider, of: of.label, at: at.label });
        }
    }
    let known = vendor.and_then(|vendor| table::of(vendor, model).known);
    let mut table = section.table.clone();
    if table.is_null() {
        table = json!({});
    }
    let images = match table["images"].as_bool() {
        Some(images) => Some(images),
        None => known.map(|model| model.images),
    };
    // Kinds without a server have no such key.
    let server = server(base_url(section));
    if let (Some(images), false, Some(table)) = (images, server.is_empty(), table.as_object_mut()) {
        table.insert("images".into(), images.into());
    }
    let target = Target {
        provider: name.to_owned(),
        kind: section.kind.clone(),
        server,
        vendor: vendor.map(|vendor| vendor.name),
        context: section.context.or(known.map(|model| model.context)),
        images,
        price: price(section, model),
        model: model.to_owned(),
    };
    Ok(Found {
        target,
        table,
        key: section.key.clone(),
        rate: section.rate,
        tools: section.tools,
        just_in_time: section.just_in_time,
    })
}
