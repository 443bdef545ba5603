"""Reads JUnit XML with junitparser, as CI services do, and prints what it understood as JSON."""

import json
import sys

import junitparser

suites = junitparser.JUnitXml.fromstring(sys.stdin.buffer.read())
cases = []
for suite in suites:
    for case in suite:
        results = [type(result).__name__ for result in case.result]
        texts = [result.message or "" for result in case.result] + [result.text or "" for result in case.result]
        cases.append({"suite": suite.name, "name": case.name, "results": results, "texts": texts + [case.system_out or ""]})
json.dump(
    {"tests": suites.tests, "failures": suites.failures, "errors": suites.errors, "cases": cases},
    sys.stdout,
)
