"""The loop from a report to a closed case: stages, deadlines, photos, timeline."""
