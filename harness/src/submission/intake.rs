//! Taking a submission in: folders, archives and loose files become one folder of the harness's own.
//!
//! Archives are unpacked, archives in them too where there is nothing else to run, and a folder that stands alone
//! around everything is taken away.

use std::path::{Path, PathBuf};

use super::archive::{self, Budget, Refused, is_litter};
use super::{discover, manifest};

/// Archives in each other, and folders around everything.
const ROUNDS: usize = 4;

/// Takes what is at these paths into `root`, which must not be there yet.
///
/// # Errors
/// If anything of it is hostile, broken or too large.
pub fn gather(sources: &[(PathBuf, String)], root: &Path) -> Result<(), Refused> {
    let mut budget = Budget::SUBMISSION;
    std::fs::create_dir_all(root).map_err(Refused::Machine)?;
    for (source, name) in sources {
        if source.is_dir() {
            copy(source, source, root, &mut budget)?;
        } else if archive::stem(name).is_some() {
            let into = match sources {
                [_] => root.to_owned(),
                _ => root.join(archive::stem(name).unwrap_or(name)),
            };
            archive::unpack(source, &into, &mut budget)?;
        } else {
            copy_file(source, &root.join(name), &mut budget)?;
        }
    }
    settle(root, &mut budget)
}

fn copy_file(from: &Path, to: &Path, budget: &mut Budget) -> Result<(), Refused> {
    budget.entry()?;
    budget.bytes(from.metadata().map_err(Refused::Machine)?.len())?;
    std::fs::copy(from, to).map_err(Refused::Machine)?;
    Ok(())
}

/// Copies a folder. A link to a file of the folder becomes that file; one that leads elsewhere is refused, because
/// what is elsewhere is not the student's.
fn copy(root: &Path, from: &Path, to: &Path, budget: &mut Budget) -> Result<(), Refused> {
    let machine = Refused::Machine;
    std::fs::create_dir_all(to).map_err(machine)?;
    let mut entries: Vec<_> = std::fs::read_dir(from).map_err(machine)?.collect::<Result<_, _>>().map_err(machine)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if is_litter(&name.to_string_lossy()) {
            continue;
        }
        let below = || path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let kind = entry.file_type().map_err(machine)?;
        if kind.is_dir() {
            budget.entry()?;
            if below().matches('/').count() >= 32 {
                return Err(Refused::Deep(below()));
            }
            copy(root, &path, &to.join(name), budget)?;
        } else if kind.is_file() {
            copy_file(&path, &to.join(name), budget)?;
        } else if kind.is_symlink() {
            let home = root.canonicalize().map_err(machine)?;
            let led = path.canonicalize().ok().filter(|led| led.starts_with(&home) && led.is_file());
            copy_file(&led.ok_or_else(|| Refused::Link(below()))?, &to.join(name), budget)?;
        } else {
            return Err(Refused::Special(below()));
        }
    }
    Ok(())
}

/// Takes away a folder around everything, and unpacks archives where there is nothing else.
///
/// # Errors
/// If an archive is hostile, broken or too large.
pub fn settle(root: &Path, budget: &mut Budget) -> Result<(), Refused> {
    for _ in 0..ROUNDS {
        if lift(root).map_err(Refused::Machine)? {
            continue;
        }
        let found = discover::look(root).map_err(Refused::Machine)?;
        if root.join(manifest::FILE).exists() || !found.programs.is_empty() || !found.build.is_empty() {
            return Ok(());
        }
        let archives: Vec<(PathBuf, String)> = found
            .looked_at
            .iter()
            .filter_map(|name| {
                let stem = archive::stem(Path::new(name).file_name()?.to_str()?)?.to_owned();
                Some((root.join(name), stem))
            })
            .collect();
        if archives.is_empty() {
            return Ok(());
        }
        for (path, stem) in &archives {
            // Out of the way first: it may hold a file of its own name.
            let moved = path.with_file_name(format!(".{stem}.packed"));
            std::fs::rename(path, &moved).map_err(Refused::Machine)?;
            let folder = path.parent().unwrap_or(root);
            let into = if archives.len() == 1 { folder.to_owned() } else { folder.join(stem) };
            archive::unpack(&moved, &into, budget)?;
            std::fs::remove_file(&moved).map_err(Refused::Machine)?;
        }
    }
    let left = discover::look(root).map_err(Refused::Machine)?;
    let packed = left.programs.is_empty() && left.looked_at.iter().any(|name| archive::stem(name).is_some());
    if packed { Err(Refused::Nested(ROUNDS)) } else { Ok(()) }
}

/// Puts the content of a folder that is alone in its place; whether there was one.
///
/// # Errors
/// If something cannot be moved.
pub fn lift(root: &Path) -> std::io::Result<bool> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        if !is_litter(&entry.file_name().to_string_lossy()) {
            entries.push(entry);
        }
    }
    let [only] = entries.as_slice() else { return Ok(false) };
    if !only.file_type()?.is_dir() {
        return Ok(false);
    }
    let aside = root.with_extension("lifted");
    std::fs::rename(only.path(), &aside)?;
    std::fs::remove_dir_all(root)?;
    std::fs::rename(&aside, root)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn listed(root: &Path) -> Vec<String> {
        discover::look(root).unwrap().looked_at
    }

    #[test]
    fn stray_folders_and_inner_archives_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let inner = packed(&[("My Lab/server.py", b"print()"), ("My Lab/page.html", b"x")]);
        let outer = packed(&[("export/cover.pdf", b"%PDF"), ("export/lab.zip", &inner)]);
        let source = folder.path().join("one.zip");
        std::fs::write(&source, outer).unwrap();
        let root = folder.path().join("root");
        gather(&[(source, "one.zip".to_owned())], &root).unwrap();
        assert_eq!(listed(&root), ["cover.pdf", "My Lab/page.html", "My Lab/server.py"]);
    }

    #[test]
    fn an_archive_beside_a_program_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("server.py"), "print()").unwrap();
        std::fs::write(home.join("old.zip"), packed(&[("server.py", b"old")])).unwrap();
        let root = folder.path().join("root");
        gather(&[(home, "home".to_owned())], &root).unwrap();
        assert_eq!(listed(&root), ["old.zip", "server.py"]);
    }

    #[test]
    fn links_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("server.py"), "print()").unwrap();
        std::os::unix::fs::symlink("server.py", home.join("again.py")).unwrap();
        let source = [(home.clone(), "home".to_owned())];
        gather(&source, &folder.path().join("one")).unwrap();
        assert_eq!(listed(&folder.path().join("one")), ["again.py", "server.py"]);
        std::os::unix::fs::symlink("/dev/zero", home.join("endless")).unwrap();
        let refused = gather(&source, &folder.path().join("two")).expect_err("leads out");
        assert_eq!(refused.to_string(), "it holds `endless`, a link; links are not followed");
    }

    #[test]
    fn archives_without_end_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = packed(&[("server.py", b"print()")]);
        for _ in 0..8 {
            bytes = packed(&[("a.zip", &bytes)]);
        }
        let source = folder.path().join("a.zip");
        std::fs::write(&source, bytes).unwrap();
        let refused = gather(&[(source, "a.zip".to_owned())], &folder.path().join("root")).expect_err("too deep");
        assert_eq!(refused.to_string(), "it holds archives in archives, more than 4 deep");
    }
}
