//! Which vendors there are keys for.

use secrecy::{ExposeSecret, SecretString};

use super::{VENDORS, Vendor};

/// The keys at hand, one for a vendor at most, in the order in which vendors count.
#[derive(Debug, Default, Clone)]
pub struct Keys(Vec<Held>);

#[derive(Debug, Clone)]
struct Held {
    /// The place in `VENDORS`.
    at: usize,
    key: SecretString,
}

impl Keys {
    /// The keys that the variables of the vendors hold; `variable` reads one. A variable that is set and empty is an
    /// empty key, which [`resolve`](super::resolve()) complains of when it is the one needed.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<SecretString>) -> Self {
        let held = VENDORS.iter().enumerate().filter_map(|(at, vendor)| {
            let mut found: Vec<SecretString> = vendor.env.iter().filter_map(|name| variable(name)).collect();
            let best = found.iter().position(|key| !is_empty(key)).unwrap_or(0);
            (best < found.len()).then(|| Held { at, key: found.swap_remove(best) })
        });
        Self(held.collect())
    }

    /// Adds the key of a vendor, in place of the one that was there.
    #[must_use]
    pub fn with(mut self, vendor: &Vendor, key: SecretString) -> Self {
        if let Some(at) = VENDORS.iter().position(|known| known.name == vendor.name) {
            self.0.retain(|held| held.at != at);
            let place = self.0.partition_point(|held| held.at < at);
            self.0.insert(place, Held { at, key });
        }
        self
    }

    /// The key of a vendor, which may be empty.
    #[must_use]
    pub fn of(&self, vendor: &Vendor) -> Option<&SecretString> {
        self.0.iter().find(|held| VENDORS[held.at].name == vendor.name).map(|held| &held.key)
    }

    /// The vendors with keys that are not empty, in the order in which they count.
    pub fn vendors(&self) -> impl Iterator<Item = &'static Vendor> {
        self.0.iter().filter(|held| !is_empty(&held.key)).map(|held| &VENDORS[held.at])
    }
}

pub(super) fn is_empty(key: &SecretString) -> bool {
    key.expose_secret().trim().is_empty()
}

/// The vendor whose keys look like this one, where its keys have a shape of their own.
#[must_use]
pub fn vendor_of_key(key: &SecretString) -> Option<&'static Vendor> {
    let key = key.expose_secret().trim();
    VENDORS.iter().find(|vendor| vendor.key_prefixes.iter().any(|prefix| key.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_vendors_and_a_full_variable_goes_before_an_empty_one() {
        let keys = Keys::read(|name| {
            let value = match name {
                "GROQ_API_KEY" => "gsk_1",
                "ANTHROPIC_API_KEY" => "sk-ant-1",
                "OPENAI_API_KEY" => " \n",
                "GEMINI_API_KEY" => "",
                "GOOGLE_API_KEY" => "AIza1",
                _ => return None,
            };
            Some(SecretString::from(value.to_owned()))
        });
        let names: Vec<&str> = keys.vendors().map(|vendor| vendor.name).collect();
        assert_eq!(names, ["anthropic", "gemini", "groq"]);
        let openai = crate::table::vendor("openai").unwrap();
        assert!(is_empty(keys.of(openai).unwrap()));
        let keys = keys.with(openai, SecretString::from("sk-proj-1".to_owned()));
        let names: Vec<&str> = keys.vendors().map(|vendor| vendor.name).collect();
        assert_eq!(names, ["anthropic", "openai", "gemini", "groq"]);
    }

    #[test]
    fn keys_with_a_shape_of_their_own_name_their_vendor() {
        for (key, name) in [
            ("sk-or-v1-1", Some("openrouter")),
            ("sk-ant-api03-1", Some("anthropic")),
            ("sk-proj-1", Some("openai")),
            ("gsk_1", Some("groq")),
            (" AIza1", Some("gemini")),
            ("hf_1", Some("huggingface")),
            ("xai-1", Some("xai")),
            ("sk-1234", None),
            ("", None),
        ] {
            let found = vendor_of_key(&SecretString::from(key.to_owned()));
            assert_eq!(found.map(|vendor| vendor.name), name, "{key}");
        }
    }
}
