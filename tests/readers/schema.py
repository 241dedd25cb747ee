"""Holds documents and lines of JSON to their schemas, with another's validator.

Arguments: the folder of schemas, and files: a document (.json) or an object a line (.jsonl). A schema leaves room for members
and words to come; here there is none, so that what is written and what the schema tells are the same.
"""

import copy
import json
import pathlib
import sys

import jsonschema_rs

folder, *files = sys.argv[1:]


def strict(schema):
    """The schema without room for other members and words."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    if "properties" in made:
        made["additionalProperties"] = False
    if "anyOf" in made and "enum" in made["anyOf"][0]:
        words = made.pop("anyOf")
        nothing = [None] if words[1]["type"] != "string" else []
        made["enum"] = words[0]["enum"] + nothing
    return made


validators = {}
for path in pathlib.Path(folder).glob("*.json"):
    schema = json.loads(path.read_text())
    jsonschema_rs.meta.validate(schema)
    narrowed = strict(copy.deepcopy(schema))
    validators[schema["title"]] = [jsonschema_rs.Draft202012Validator(one) for one in (schema, narrowed)]

checked = 0
for file in files:
    text = pathlib.Path(file).read_text(encoding="utf-8")
    documents = text.split("\n")[:-1] if file.endswith(".jsonl") else [text]
    for document in map(json.loads, documents):
        for validator in validators[document["schema"]]:
            for error in validator.iter_errors(document):
                sys.exit(f"{file}: {error.message[:500]} at {error.instance_path}")
        checked += 1
print(checked)
