"""Rules, their evaluation, the life of an alarm, storm control.

Beside the common parts: `compiled` rules as arrays over the fleet · `evaluator` judges readings for the watch · `writer` brings
what was found into the database · `storms` many alarms told as one · `explaining` a rule in words · `settle` what became of
alarms by time.
"""
