//! The folders of the students' reports: a name for each.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// Gives every name a folder of its own.
#[derive(Debug, Default)]
pub struct Folders(BTreeSet<String>);

impl Folders {
    /// The folder of a name. It depends on the name, and on an equal folder having been given before.
    pub fn of(&mut self, name: &str) -> String {
        let mut slug = slug(name);
        if !self.0.insert(slug.clone()) {
            slug = format!("{slug}-{}", short_hash(name));
            self.0.insert(slug.clone());
        }
        slug
    }
}

/// A name as the name of a folder.
fn slug(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let slug: String = name.chars().map(|c| if plain(c) { c } else { '_' }).take(80).collect();
    let same = slug == name && !slug.is_empty() && !slug.starts_with('.');
    if same { slug } else { format!("{}-{}", slug.trim_start_matches('.'), short_hash(name)) }
}

fn short_hash(name: &str) -> String {
    Sha256::digest(name).iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_stay_in_their_folder(name in any::<String>()) {
            let slug = slug(&name);
            prop_assert!(!slug.is_empty() && !slug.starts_with('.') && !slug.contains(['/', '\0', '\\']), "{slug}");
        }
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(slug("s1234567"), "s1234567");
        assert_eq!(slug("Ada Byron_70012"), "Ada_Byron_70012-3a5fbc".replace("3a5fbc", &short_hash("Ada Byron_70012")));
    }
}
