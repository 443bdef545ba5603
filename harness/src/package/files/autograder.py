"""Grades a submission for Classroom 50: @tasks@.

Written by `harness package classroom50`. It is called in the student's checkout and leaves result.json there. Exit
status 0: it does. Any other: the grader could not finish, which says nothing about the submission.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPTIONS = @options@

# Statuses of the harness that come with a result: passed, failed, a manifest that is wrong, nothing gradable.
JUDGED = (0, 1, 2, 4)

# What stands in a checkout and is not the student's work.
LEFT_OUT = shutil.ignore_patterns(".git", ".github", ".classroom50.yaml", "result.json", "release-body.md")


def surroundings():
    """The environment, with the time of the commit: a submission is as old as that, however late it is graded."""
    environment = dict(os.environ)
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], capture_output=True, text=True)
    if asked.returncode == 0 and asked.stdout.strip():
        environment["SOURCE_DATE_EPOCH"] = asked.stdout.strip()
    return environment


def main():
    with tempfile.TemporaryDirectory() as folder:
        # A bundle may have lost the permission to execute.
        harness = Path(folder, "harness")
        shutil.copy(HERE / "harness", harness)
        harness.chmod(0o755)
        submission = Path(folder, "submission")
        shutil.copytree(Path.cwd(), submission, symlinks=True, ignore=LEFT_OUT)
        command = [harness, "--target", submission, *OPTIONS, "--format", "classroom50", "--no-progress"]
        graded = subprocess.run(command, env=surroundings(), stdout=subprocess.PIPE)
    if graded.returncode not in JUDGED or not graded.stdout.startswith(b"{"):
        sys.exit(f"autograder.py: the harness ended with status {graded.returncode}; nothing was judged")
    # Not through a link that the checkout may hold.
    result = Path("result.json")
    if result.is_symlink():
        result.unlink()
    result.write_bytes(graded.stdout)


try:
    main()
except OSError as error:
    sys.exit(f"autograder.py: {error}; nothing was judged")
