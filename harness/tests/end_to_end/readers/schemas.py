"""Validates documents against JSON Schemas: python3 schemas.py SCHEMA [FILE...]

SCHEMA must itself be one (the meta-schema decides). A document on standard input is read where no file is
named. Every mistake is printed with its place; the exit status is 1 if there was one.
"""

import json
import sys

import jsonschema


def load(path):
    with open(path, "rb") as file:
        return json.load(file)


def main():
    with open(sys.argv[1], "rb") as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    validator.check_schema(schema)
    check = validator(schema)
    documents = [(path, load(path)) for path in sys.argv[2:]]
    if not documents:
        documents = [("standard input", json.load(sys.stdin))]
    wrong = 0
    for path, document in documents:
        for error in check.iter_errors(document):
            wrong += 1
            best = jsonschema.exceptions.best_match([error])
            print(f"{path}: {'/'.join(map(str, best.absolute_path))}: {best.message[:300]}")
    print(f"{len(documents)} read, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
