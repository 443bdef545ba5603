//! The keys of a run, all Ed25519 (RFC 8709) and made from its seed, and the files in which programs look for them.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PublicKey};

/// Whose key it is.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    /// The machine's.
    Machine,
    /// Another machine's, which a list of known hosts may take for it.
    Another,
    /// The user's.
    User,
}

/// The key of somebody in the run with this seed.
///
/// # Errors
/// What the library says, which has no reason to.
pub fn made(seed: u64, whose: Whose) -> io::Result<PrivateKey> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(3).wrapping_add(whose as u64));
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&bytes));
    PrivateKey::new(pair, "made for this run").map_err(io::Error::other)
}

/// Writes `.ssh/known_hosts`, in which these hosts have this key, and the user's key if it is to be there. Nobody else
/// may read them: OpenSSH leaves a key alone that others can read.
///
/// # Errors
/// If something cannot be written.
pub fn write(home: &Path, hosts: &[String], known: &PublicKey, own: Option<&PrivateKey>) -> io::Result<()> {
    let folder = home.join(".ssh");
    let made = fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder);
    made?;
    let known = known.to_openssh().map_err(io::Error::other)?;
    let words: Vec<&str> = known.split_whitespace().take(2).collect();
    let lines: String = hosts.iter().map(|host| format!("{host} {}\n", words.join(" "))).collect();
    write_secret(&folder.join("known_hosts"), &lines)?;
    if let Some(own) = own {
        write_secret(&folder.join("id_ed25519"), &own.to_openssh(LineEnding::LF).map_err(io::Error::other)?)?;
        let public = own.public_key().to_openssh().map_err(io::Error::other)?;
        fs::write(folder.join("id_ed25519.pub"), format!("{public}\n"))?;
    }
    Ok(())
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
