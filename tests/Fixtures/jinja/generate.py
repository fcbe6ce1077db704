"""Renders every source of cases.jsonl with the reference and writes the results back.

The reference is jinja2 3.1.2 on Python 3.11, set up as Hugging Face's chat templates get it: ImmutableSandboxedEnvironment,
trim_blocks, lstrip_blocks, loop controls, a `generation` tag that prints its body, `raise_exception`, `strftime_now` with a
fixed clock, and `tojson` as a plain json.dumps. Run it with: python3 generate.py
"""
import copy
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 13, 37, 5)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _print(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda format: NOW.strftime(format)

variables = json.loads((FOLDER / "variables.json").read_text())
cases = [json.loads(line) for line in (FOLDER / "cases.jsonl").read_text().split("\n") if line]
with open(FOLDER / "cases.jsonl", "w") as file:
    for case in cases:
        try:
            result = {"text": environment.from_string(case["source"]).render(**copy.deepcopy(variables))}
        except Exception:
            result = {"error": True}
        file.write(json.dumps({"source": case["source"], **result}, ensure_ascii=False) + "\n")
