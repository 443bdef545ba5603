//! The job script for Slurm: an array of shares, each a task of the array.

use std::path::Path;

/// The script's name in the class's folder.
pub const FILE: &str = "class.sbatch";

/// Submissions in a share, so that what the queue costs (most of a second for each task) is little beside them.
const SHARE: usize = 40;

/// Most tasks of an array where the administrator has set nothing else (`MaxArraySize` 1001).
const MOST: usize = 1000;

/// A sensible number of shares for a class.
pub fn shares(submissions: usize) -> u64 {
    submissions.div_ceil(SHARE).clamp(1, MOST) as u64
}

/// The script. `words` are the command line without the share; paths in it are absolute.
///
/// The number of shares stands in it in digits: `SLURM_ARRAY_TASK_COUNT` is another number where only some tasks of
/// the array are queued again.
pub fn script(words: &[String], out: &Path, shares: u64, processors: usize) -> String {
    let quoted = |text: &str| shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned);
    let command: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let harness = quoted(words.first().map_or("harness", String::as_str));
    let out = quoted(&out.display().to_string());
    format!(
        "#!/bin/sh
# Grades a class in {shares} shares, each a task of an array. Hand it in with
#   sbatch {out}/class.sbatch
# and put the shares together when all have ended with
#   {harness} merge {out}
# A task that is queued again goes on where it was; merge says which tasks are missing.
#SBATCH --job-name=harness-class
#SBATCH --array=1-{shares}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={processors}
#SBATCH --requeue
#SBATCH --output=harness-class-%A-%a.txt
exec {} --shard \"$SLURM_ARRAY_TASK_ID/{shares}\"
",
        command.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, 1)]
    #[case(40, 1)]
    #[case(41, 2)]
    #[case(1_000_000, 1000)]
    fn share_sizes(#[case] submissions: usize, #[case] expected: u64) {
        assert_eq!(shares(submissions), expected);
    }

    #[test]
    fn job_script() {
        let words = ["/opt/harness", "class", "/data/lab 5", "--out", "/data/it's out", "--seed", "1"];
        let words = words.map(str::to_owned);
        insta::assert_snapshot!(script(&words, Path::new("/data/it's out"), 3, 2));
    }
}
