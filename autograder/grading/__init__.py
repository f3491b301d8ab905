"""Intake, sandbox, probes, judging, batches, the nbgrader bridge, reports and exports."""
