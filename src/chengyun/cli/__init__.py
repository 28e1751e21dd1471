"""The command `chengyun`: one verb for each thing that an operator does."""
