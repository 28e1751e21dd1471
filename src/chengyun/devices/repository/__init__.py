"""All SQL of the devices room."""
