"""Intake, sandbox, probes, judging, batches, the nbgrader bridge, reports and exports."""

from autograder import quick_jsonschema

quick_jsonschema.prepare()  # nbformat and nbgrader import it
