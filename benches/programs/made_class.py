#!/usr/bin/env python3
"""Makes a class: COUNT submissions in FOLDER, drawn in turn from the programs of the truth table.

    benches/programs/made_class.py TASK COUNT FOLDER [--language LANGUAGE]...
    benches/programs/made_class.py --everything COUNT FOLDER

The first is a class that did its homework: one task, Python and C unless other languages are named, every third
submission a zip with a folder around everything, as students make them. The second is what comes in on the evening
before term ends: right and wrong programs of several tasks, archives of every kind, some in one another, programs that
do not build, nothing at all, broken and malicious archives, and hostile programs where `fixtures/hostile` has some.

Programs that are kept as differences are written by `harness fixture`; the environment's HARNESS names it, if it is
not to be built. Every submission has a file of its own, so that no two are the same. The same call makes the same files.
"""

import argparse
import functools
import io
import os
import pathlib
import re
import shlex
import subprocess
import tarfile
import tempfile
import zipfile

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
HARNESS = shlex.split(os.environ.get("HARNESS", "cargo run --quiet --release -p harness --"))
FOLDERS = tempfile.TemporaryDirectory()
QUICK = ["python", "c"]
TASKS = ["uppercase-tcp", "message", "uppercase-udp", "password"]

C_MISTAKE = b"int main(void) { retrun 0; }\n"
MAKE_MISTAKE = b"all:\n\t$(CC) -o server nowhere.c\n"


@functools.cache
def unpacked(program):
    """A program's folder: one that is kept as a difference is written by the harness, once."""
    if program.is_dir():
        return program
    task, kind = program.parts[-3:-1]
    out = pathlib.Path(FOLDERS.name) / task / kind / program.stem
    out.parent.mkdir(parents=True, exist_ok=True)
    call = [*HARNESS, "fixture", f"{task}/{kind}/{program.stem}", "--out", out, "--fixtures", FIXTURES / "submissions"]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    return out


def files_of(program):
    """The files of a program, without what it is expected to come to: path, content, mode."""
    program = unpacked(program)
    for file in sorted(program.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.name != "expected.toml":
            yield str(file.relative_to(program)), file.read_bytes(), file.stat().st_mode & 0o777


def programs(task, languages, kind="*"):
    """The programs of a task in these languages."""
    wanted = [f'language = "{language}"' for language in languages]
    return [
        program
        for program in sorted((FIXTURES / "submissions" / task).glob(f"{kind}/*"))
        if any(line in expected(program) for line in wanted)
    ]


def expected(program):
    """What a program is declared to be; of a difference, what its base is."""
    if not program.is_dir():
        base = re.search(r'^base = "(.*)"$', program.read_text(), re.MULTILINE)[1]
        program = program.parent.parent / base
    return (program / "expected.toml").read_text()


def hostile():
    """Hostile programs, if there are any: every folder that holds files."""
    folder = FIXTURES / "hostile"
    found = {file.parent for file in folder.rglob("expected.toml")} if folder.is_dir() else set()
    return sorted(found) or sorted(path for path in folder.glob("*") if path.is_dir())


def write(folder, files):
    folder.mkdir(parents=True)
    for path, content, mode in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)


def zipped(files, around=""):
    """A zip of the files, below a folder if one is named; always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content, mode in files:
            entry = zipfile.ZipInfo(f"{around}{path}")
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def tarred(files, around=""):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content, mode in files:
            entry = tarfile.TarInfo(f"{around}{path}")
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def homework(task, count, folder, languages):
    found = programs(task, languages)
    if not found:
        raise SystemExit(f"no programs of {task} in {', '.join(languages)}")
    for number in range(count):
        name = f"s{number:04}"
        files = [*files_of(found[number % len(found)]), ("number.txt", name.encode(), 0o644)]
        if number % 3 == 2:
            (folder / f"{name}.zip").write_bytes(zipped(files, f"{name} lab/"))
        else:
            write(folder / name, files)


def everything(count, folder):
    good = [program for task in TASKS for program in programs(task, QUICK, "good")]
    bad = [program for task in TASKS for program in programs(task, QUICK, "bad")]
    evil = hostile()
    for number in range(count):
        name, kind, turn = f"s{number:04}", number % 10, number // 10
        own = ("number.txt", name.encode(), 0o644)
        right = [*files_of(good[turn % len(good)]), own]
        wrong = [*files_of(bad[turn % len(bad)]), own]
        if kind == 0:
            write(folder / name, right)
        elif kind == 1:
            write(folder / name, wrong)
        elif kind == 2:
            (folder / f"{name}.zip").write_bytes(zipped(right, f"{name} lab/"))
        elif kind == 3:
            (folder / f"{name}.tar").write_bytes(tarred(wrong, "lab/"))
        elif kind == 4:
            # An archive in an archive.
            (folder / f"{name}.zip").write_bytes(zipped([("lab.zip", zipped(right, "src/"), 0o644)]))
        elif kind == 5:
            write(folder / name, [("server.c", C_MISTAKE, 0o644), own])
        elif kind == 6:
            write(folder / name, [("Makefile", MAKE_MISTAKE, 0o644), ("main.c", C_MISTAKE, 0o644), own])
        elif kind == 7:
            (folder / name).mkdir(parents=True)
        elif kind == 8 and turn > 0 and evil:
            write(folder / name, [*files_of(evil[(turn - 1) % len(evil)]), own])
        elif kind == 8 or turn % 2 == 1:
            (folder / f"{name}.zip").write_bytes(zipped([("../../evil.py", name.encode(), 0o644), own]))
        else:
            (folder / f"{name}.zip").write_bytes(f"no archive, {name}\n".encode())


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--everything", action="store_true", help="all that comes in, of several tasks")
    words.add_argument("--language", action="append", help="only programs in this language; default: Python and C")
    words.add_argument("rest", nargs="+", metavar="[TASK] COUNT FOLDER")
    given = words.parse_args()
    if len(given.rest) != (2 if given.everything else 3):
        words.error("TASK COUNT FOLDER, or --everything COUNT FOLDER")
    count, folder = int(given.rest[-2]), pathlib.Path(given.rest[-1])
    folder.mkdir(parents=True)
    if given.everything:
        everything(count, folder)
    else:
        homework(given.rest[0], count, folder, given.language or QUICK)


main()
