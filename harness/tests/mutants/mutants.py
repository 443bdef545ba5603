"""Mutants of right programs: does the harness see what it should see?

    python3 mutants.py make OUT
    python3 mutants.py run OUT --harness ../../../target/release/harness [--jobs 2] [--task TASK ...]
    python3 mutants.py table OUT

`make` changes one thing in a right program of each task, and keeps a fixed sample of them. `run` grades each, and goes
on where it was stopped. `table` prints what became of them, and each survivor that `survivors.toml` does not explain.

A change that no sheet speaks of is not made: the size of a buffer, the length of a queue, the words on standard error,
which failure an exit status names, how a program ends on Ctrl-C. Lines that the programs of many tasks share, as those
that read a port, are changed in the first task only.
"""

import argparse
import ast
import concurrent.futures
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parents[2] / "fixtures" / "submissions"
SAMPLE = 40
OF_C = 14
# Where the program in a language has another name than the language.
BASES = {
    ("mail-tls", "py"): "by-hand",
    ("ssh-stats", "py"): "paramiko",
    ("ssh-stats", "c"): "c-runs-ssh",
}
COLUMNS = ["made", "killed", "noticed", "equivalent", "not asked", "undecided", "survived"]
SIZES = {"recv", "recvfrom", "recvmsg", "recv_into", "read", "fread", "fgets", "getline", "listen", "setsockopt", "memset"}
COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
SUMS = {"+": "-", "-": "+", "*": "+", "/": "*", "//": "*", "%": "*", "+=": "-=", "-=": "+="}


class Python:
    """Changes of a Python program, as (begin, end, text) in its bytes."""

    words = COMPARED | SUMS | {"and": "or", "or": "and", "in": "not in", "not in": "in", "is": "is not", "is not": "is"}

    def __init__(self, source):
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found = []
        self.visit(ast.parse(source))

    def at(self, line, column):
        return self.starts[line - 1] + column

    def span(self, node):
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def replace(self, node, text):
        self.found.append((*self.span(node), text.encode()))

    def between(self, left, right):
        """The operator between two operands."""
        begin, end = self.span(left)[1], self.span(right)[0]
        match = re.search(rb"[^\s()\\#]+(\s+(in|not))?(?=[\s(\\]*$)", self.source[begin:end])
        word = match and match.group().decode()
        if word in self.words:
            self.found.append((begin + match.start(), begin + match.end(), self.words[word].encode()))

    def visit(self, node, quiet=False, size=False, ends=False):
        name = called(node)
        if isinstance(node, ast.ExceptHandler) and node.type and ast.unparse(node.type) == "KeyboardInterrupt":
            return
        if isinstance(node, ast.If) and b"__name__" in self.source[slice(*self.span(node.test))]:
            for each in node.body:
                self.visit(each)
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(node, ast.Call):
            quiet = quiet or any(word.arg == "file" for word in node.keywords) or name == "exit"
            size, ends = name in SIZES, name == "exit"
        elif isinstance(node, ast.Compare):
            for left, right in zip([node.left, *node.comparators], node.comparators):
                self.between(left, right)
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:]):
                self.between(left, right)
        elif isinstance(node, ast.BinOp):
            self.between(node.left, node.right)
        elif isinstance(node, ast.AugAssign):
            self.between(node.target, node.value)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.replace(node, f"({ast.unparse(node.operand)})")
        elif isinstance(node, ast.Constant):
            self.constant(node, quiet, size, ends)
        elif isinstance(node, ast.Attribute) and node.attr in ("send", "sendall"):
            begin, end = self.span(node)
            self.found.append((end - len(node.attr), end, b"send" if node.attr == "sendall" else b"sendall"))
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            for word in ("True", "False"):
                if ast.unparse(node.test) != word and not (word == "True" and isinstance(node, ast.While)):
                    self.replace(node.test, word)
        elif isinstance(node, ast.Break):
            self.replace(node, "continue")
        elif isinstance(node, ast.Continue):
            self.replace(node, "break")
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            self.replace(node.value, "None")
        elif isinstance(node, ast.ExceptHandler):
            self.found.append((self.span(node.body[0])[0], self.span(node.body[-1])[1], b"raise"))
        if isinstance(node, ast.Expr):
            if isinstance(node.value, ast.Constant):
                return
            if isinstance(node.value, (ast.Call, ast.Await)):
                self.replace(node, "pass")
        if isinstance(node, ast.JoinedStr):
            return
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, ast.AST):
                        self.visit(each, quiet, size, ends)

    def constant(self, node, quiet, size, ends):
        value = node.value
        if isinstance(value, bool):
            self.replace(node, str(not value))
        elif isinstance(value, int):
            if ends:
                self.replace(node, "0" if value else "1")
            elif not size:
                self.replace(node, str(0 if value == 1 else value + 1))
        elif isinstance(value, (str, bytes)) and value and not quiet:
            self.replace(node, repr(value[:0]))


def called(node):
    if not isinstance(node, ast.Call):
        return None
    return getattr(node.func, "attr", getattr(node.func, "id", None))


class C:
    """Changes of a C program, as (begin, end, text) in its bytes; by its words, line by line."""

    words = COMPARED | SUMS | {"&&": "||", "||": "&&"}
    hidden = re.compile(rb"/\*.*?\*/|//[^\n]*|^#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", re.S | re.M)

    def __init__(self, source):
        self.found = []
        # Comments, strings and lines of the preprocessor are no code; places stay the same.
        code = self.hidden.sub(lambda match: b"_" * len(match.group()), source)
        start = 0
        for line, bare in zip(source.split(b"\n"), code.split(b"\n")):
            quiet = re.search(rb"stderr|perror|\berrx?\(|usage", line)
            size = re.search(rb"\b(%s)\(" % "|".join(sorted(SIZES)).encode(), bare)
            for match in re.finditer(rb" (<=|>=|==|!=|<|>|&&|\|\||\+=|-=|\+|-|\*|/|%) ", bare):
                self.add(start, match.start(1), match.end(1), self.words[match.group(1).decode()])
            for match in re.finditer(rb"(?<![\w.\[-])\d+(?![\w.])", bare):
                if re.search(rb"\bexit\(|^\s*return [2-9];", bare):
                    self.add(start, *match.span(), "1" if match.group() == b"0" else "0")
                elif not size:
                    value = int(match.group())
                    self.add(start, *match.span(), str(0 if value == 1 else value + 1))
            for match in re.finditer(rb"(?<=return )-1(?=;)", bare):
                self.add(start, *match.span(), "0")
            for match in re.finditer(rb"!(?=[\w(])", bare):
                self.add(start, *match.span(), "")
            if not quiet:
                for match in re.finditer(rb"\"(?:\\.|[^\"\\])+\"", line):
                    if bare[match.start() : match.end()].strip(b"_") == b"":
                        self.add(start, *match.span(), '""')
            match = re.fullmatch(rb"(\s*)\w+\(.*\);\s*", bare)
            if match and not re.match(rb"\s*(free|memset|if|while|for|switch|return)\b", bare):
                self.add(start, match.end(1), len(bare.rstrip()), ";")
            for word, other in ((rb"break;", "continue;"), (rb"continue;", "break;")):
                match = re.search(word, bare)
                if match:
                    self.add(start, *match.span(), other)
            start += len(line) + 1

    def add(self, start, begin, end, text):
        self.found.append((start + begin, start + end, text.encode()))


def is_program(name, source):
    if name.endswith(".py"):
        try:
            compile(source, name, "exec")
        except (SyntaxError, ValueError):
            return False
        return True
    checked = subprocess.run(
        ["gcc", "-fsyntax-only", "-w", "-D_GNU_SOURCE", "-x", "c", "-"], input=source, capture_output=True, check=False
    )
    return checked.returncode == 0


def mutants_of(task, language):
    """Every mutant of the right program of a task, in an order that only its text decides."""
    base = PROGRAMS / task / "good" / BASES.get((task, language), {"py": "python", "c": "c"}[language])
    made = []
    for path in sorted(base.rglob(f"*.{language}")):
        source = path.read_bytes()
        for begin, end, text in sorted(set((Python if language == "py" else C)(source).found)):
            changed = source[:begin] + text + source[end:]
            line = source.count(b"\n", 0, begin)
            lines, length = changed.split(b"\n"), source[begin:end].count(b"\n") + 1
            mutant = {
                "task": task,
                "base": base.relative_to(PROGRAMS).as_posix(),
                "file": path.relative_to(base).as_posix(),
                "line": line + 1,
                "was": b"\n".join(source.split(b"\n")[line : line + length]).decode().strip(),
                "is": lines[line].decode().strip(),
            }
            key = json.dumps([mutant["base"], mutant["file"], mutant["was"], mutant["is"]])
            digest = hashlib.sha256(key.encode()).hexdigest()
            mutant["id"] = f"{task}/{digest[:10]}"
            made.append((digest, begin, mutant, changed))
    return [(mutant, changed) for _, _, mutant, changed in sorted(made, key=lambda each: each[:2])]


def sample_of(task, taken):
    wanted = {"c": OF_C, "py": SAMPLE - OF_C}
    every = {language: mutants_of(task, language) for language in wanted}
    for language, other in (("c", "py"), ("py", "c")):
        if not every[language]:
            wanted[other] += wanted[language]
    for language, mutants in every.items():
        kept = []
        for mutant, changed in mutants:
            if len(kept) == wanted[language]:
                break
            change = (mutant["was"], mutant["is"])
            if change not in taken and is_program(mutant["file"], changed):
                taken.add(change)
                kept.append((mutant, changed))
        yield from kept


def make(out):
    all_mutants, taken = [], set()
    for task in sorted(path.name for path in PROGRAMS.iterdir()):
        for mutant, changed in sample_of(task, taken):
            folder = out / mutant["id"]
            shutil.copytree(PROGRAMS / mutant["base"], folder, ignore=shutil.ignore_patterns("expected.toml"))
            (folder / mutant["file"]).write_bytes(changed)
            all_mutants.append(mutant)
    (out / "mutants.json").write_text(json.dumps(all_mutants, indent=1, ensure_ascii=False))
    print(f"{len(all_mutants)} mutants in {out}")


def report(harness, folder, task, scenarios=()):
    """The report of a submission, or what the harness said instead of one."""
    command = [harness, "--target", folder, "--task", task, "--format", "json", "--quiet", "--run-time", "20s"]
    if scenarios:
        command += ["--scenario", ",".join(scenarios)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(ran.stdout)
    except ValueError:
        return {"verdict": "none", "said": (ran.stdout + ran.stderr)[-2000:], "tasks": []}


def outcome(found):
    """What does not hold, what is told without points, and what is not known."""
    not_held, noticed, unknown = [], [], []
    for each in (each for task in found["tasks"] for each in task["requirements"]):
        noticed += [finding for run in each["runs"] for finding in run["findings"]]
        if each["status"] in ("fail", "not-gradable"):
            (noticed if each["level"] == "may" else not_held).append(each["id"])
        elif each["status"] != "pass" and each["level"] != "may":
            unknown.append(each["id"])
    return {"verdict": found["verdict"], "not-held": not_held, "noticed": sorted(set(noticed)), "unknown": unknown}


def cheapest(found):
    """The scenarios that take the first third of the time, the shortest first: most mutants need no others."""
    times = {}
    for run in (run for task in found["tasks"] for each in task["requirements"] for run in each["runs"]):
        times.setdefault(re.split(r"[#\[]", run["id"])[0], {})[run["id"]] = run["duration_ms"]
    times = {scenario: sum(runs.values()) for scenario, runs in times.items()}
    kept, spent = [], 0
    for scenario in sorted(times, key=times.get):
        spent += times[scenario]
        if kept and spent > sum(times.values()) / 3:
            break
        kept.append(scenario)
    return kept


def run(out, harness, jobs, tasks):
    mutants = [each for each in json.loads((out / "mutants.json").read_text()) if not tasks or each["task"] in tasks]
    log = out / "graded.jsonl"
    done = {json.loads(line)["id"] for line in log.read_text().splitlines()} if log.exists() else set()
    bases = sorted({(each["base"], each["task"]) for each in mutants if not {each["id"], each["base"]} <= done})
    first, right = {}, {}

    def grade_base(base, task):
        found = report(harness, PROGRAMS / base, task)
        first[base], right[base] = cheapest(found), outcome(found)
        return right[base]

    def grade(mutant):
        folder, base = out / mutant["id"], mutant["base"]
        found = outcome(report(harness, folder, mutant["task"], first[base]))
        if found["verdict"] != "none" and not set(found["not-held"]) - set(right[base]["not-held"]):
            found = outcome(report(harness, folder, mutant["task"]))
        return found

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool, log.open("a") as lines:

        def write(begun):
            for each in concurrent.futures.as_completed(begun):
                lines.write(json.dumps({"id": begun[each]} | each.result()) + "\n")
                lines.flush()

        write({pool.submit(grade_base, base, task): base for base, task in bases})
        write({pool.submit(grade, each): each["id"] for each in mutants if each["id"] not in done})


def table(out):
    mutants = json.loads((out / "mutants.json").read_text())
    results = {each["id"]: each for each in map(json.loads, (out / "graded.jsonl").read_text().splitlines())}
    explained = tomllib.loads((HERE / "survivors.toml").read_text())["survivor"]
    why = {(each["base"], each["file"], each["was"], each["is"]): each for each in explained}
    counts, survivors, used = {}, [], set()
    for mutant in mutants:
        if mutant["id"] not in results:
            continue
        row = counts.setdefault(mutant["task"], dict.fromkeys(COLUMNS, 0))
        row["made"] += 1
        result, base = results[mutant["id"]], results.get(mutant["base"], {"not-held": [], "noticed": [], "unknown": []})
        key = (mutant["base"], mutant["file"], mutant["was"], mutant["is"])
        if result["verdict"] == "none" or set(result["not-held"]) - set(base["not-held"]):
            row["killed"] += 1
        elif key in why:
            used.add(key)
            row["survived" if why[key]["kind"] == "open" else why[key]["kind"]] += 1
        elif set(result["noticed"]) - set(base["noticed"]):
            row["noticed"] += 1
        elif set(result["unknown"]) - set(base["unknown"]):
            row["undecided"] += 1
            survivors.append((mutant, f"undecided: {', '.join(result['unknown'])}"))
        else:
            row["survived"] += 1
            survivors.append((mutant, "survived"))
    print(f"| task | {' | '.join(COLUMNS)} | seen of what can be |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    total = {key: sum(row[key] for row in counts.values()) for key in COLUMNS}
    for task, row in [*sorted(counts.items()), ("all", total)]:
        share = 100 * (row["killed"] + row["noticed"]) / max(1, row["made"] - row["equivalent"] - row["not asked"])
        print(f"| {task} | {' | '.join(str(row[key]) for key in COLUMNS)} | {share:.0f} % |")
    for mutant, what in survivors:
        print(f"\n{mutant['id']} {mutant['base']}/{mutant['file']}:{mutant['line']}: {what}")
        print(f"  - {mutant['was']}\n  + {mutant['is']}")
    wrong = [each for each in sorted({mutant["base"] for mutant in mutants}) if results.get(each, {}).get("not-held")]
    for each in wrong:
        print(f"\n{each}: a right program fails {', '.join(results[each]['not-held'])}")
    for key in sorted(set(why) - used):
        print(f"\nsurvivors.toml explains what has not survived: {key}")
    return bool(wrong) or any(what == "survived" for _, what in survivors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("make", "run", "table"):
        commands.add_parser(name).add_argument("out", type=pathlib.Path)
    commands.choices["run"].add_argument("--harness", required=True)
    commands.choices["run"].add_argument("--jobs", type=int, default=2)
    commands.choices["run"].add_argument("--task", action="append", default=[])
    given = parser.parse_args()
    if given.command == "make":
        make(given.out)
    elif given.command == "run":
        run(given.out, given.harness, given.jobs, given.task)
    else:
        sys.exit(table(given.out))


if __name__ == "__main__":
    main()
