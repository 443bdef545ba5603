//! A browser without a window, where one is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::skipped;

/// Chromium, or what it is called here.
pub struct Browser(&'static str);

impl Browser {
    /// The browser of this machine; says so if there is none.
    pub fn installed() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        let found = names.into_iter().find(is_there);
        if found.is_none() {
            skipped("no Chromium is installed");
        }
        found.map(Self)
    }

    /// Opens an address, for at most 30 s, through the proxy that `more` names or none, and gives the document back as
    /// the browser understood it.
    #[track_caller]
    pub fn look(&self, url: &str, more: &[&str]) -> String {
        let profile = tempfile::tempdir().expect("a folder for its profile");
        let came = Command::new(self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--timeout=30000"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args((!more.iter().any(|word| word.starts_with("--proxy-server"))).then_some("--no-proxy-server"))
            .args(more)
            .arg(url)
            .output()
            .expect("the browser starts");
        assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
        String::from_utf8_lossy(&came.stdout).into_owned()
    }

    /// The same, and a picture of what it showed: kept as `screenshots/NAME.png` in cargo's folder for what tests leave
    /// (`target/tmp`), to be looked at. Gives the document and the picture's bytes.
    #[track_caller]
    pub fn photograph(&self, url: &str, name: &str, more: &[&str]) -> (String, Vec<u8>) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let picture = folder.join(format!("{name}.png"));
        let _ = std::fs::remove_file(&picture);
        let shot = format!("--screenshot={}", picture.display());
        let document = self.look(url, &[more, &[shot.as_str()]].concat());
        let bytes = std::fs::read(&picture).expect("a screenshot");
        assert!(bytes.starts_with(b"\x89PNG"), "{} is no picture", picture.display());
        (document, bytes)
    }

    /// Prints an address to paper of the usual size: kept as `screenshots/NAME.pdf` beside the pictures.
    #[track_caller]
    pub fn print(&self, url: &str, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let paper = folder.join(format!("{name}.pdf"));
        let _ = std::fs::remove_file(&paper);
        let profile = tempfile::tempdir().expect("a folder for its profile");
        let came = Command::new(self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--timeout=30000"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--print-to-pdf={}", paper.display()))
            .arg(url)
            .output()
            .expect("the browser starts");
        assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
        assert!(std::fs::read(&paper).is_ok_and(|bytes| bytes.starts_with(b"%PDF")), "{} is no paper", paper.display());
        paper
    }
}
