"""Intake, sandbox, probes, batch, the nbgrader bridge, reports and exports."""
