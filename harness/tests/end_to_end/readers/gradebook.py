"""Reads CSV files as gradebooks do, by the rules of their importers: python3 gradebook.py canvas|moodle|table FILE

Prints the rows as JSON. A mistake that an importer would refuse, or silently lose points over, is an assertion.
"""

import csv
import json
import sys

kind, path = sys.argv[1:]
with open(path, newline="", encoding="utf-8-sig") as file:
    rows = [row for row in csv.reader(file) if row]
header = rows[0]
assert all(len(row) == len(header) for row in rows), "a row of another length"
for cell in (cell for row in rows[1:] for cell in row):
    # What a spreadsheet would compute when an instructor opens the file.
    number = cell.replace(".", "", 1).lstrip("+-").isdigit()
    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), f"a formula: {cell!r}"
if kind == "canvas":
    # The importer takes columns up to "Section" for the student, and the rest for assignments, by "Title (id)".
    assert header[0] == "Student" and header[1] == "ID", header
    section = header.index("Section")
    titles = header[section + 1 :]
    assert titles and all(title.endswith(")") and "(" in title for title in titles), titles
    assert not any(word in title for title in titles for word in ("Current Score", "Final Score"))
    assert "Points Possible" in rows[1][0], rows[1]
    for row in rows[2:]:
        assert all(cell == "" or cell == "EX" or float(cell) >= 0 for cell in row[section + 1 :]), row
if kind == "moodle":
    # Feedback without the grade's column loses the grades.
    assert any("ID number" in title or "Email address" in title or title == "Identifier" for title in header), header
json.dump([dict(zip(header, row)) for row in rows[1:]], sys.stdout)
