#!/usr/bin/env python3
"""Makes a class: COUNT submissions of TASK in FOLDER, drawn in turn from the programs of the truth table.

    benches/programs/made_class.py TASK COUNT FOLDER

Every third is a zip with a folder around everything, as students make them, and every submission has a file of its own,
so that no two are the same.
"""

import pathlib
import sys
import zipfile


def files_of(program):
    """The files of a program of the truth table, without what it is expected to come to."""
    for file in sorted(program.rglob("*")):
        if file.is_file() and file.name != "expected.toml":
            yield file.relative_to(program), file.read_bytes(), file.stat().st_mode


def main():
    task, count, folder = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
    here = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "submissions" / task
    # Interpreters of a second's start-up would be what is measured.
    quick = ('language = "python"', 'language = "c"')
    programs = [
        program
        for program in sorted(here.glob("*/*"))
        if any(line in (program / "expected.toml").read_text() for line in quick)
    ]
    folder.mkdir(parents=True)
    for number in range(count):
        name = f"s{number:04}"
        files = [*files_of(programs[number % len(programs)]), (pathlib.Path("number.txt"), name.encode(), 0o644)]
        if number % 3 == 2:
            with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for path, content, mode in files:
                    entry = zipfile.ZipInfo(f"{name} lab/{path}")
                    entry.external_attr = mode << 16
                    archive.writestr(entry, content)
            continue
        for path, content, mode in files:
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(mode)


main()
