"""Cases (案件): from a report to a closed, checked case, by the table in `workflow`.

Beside the parts that every room has: `workflow` states and operations, `clocks` deadlines and their colours, `timeline` the hash
chain of a case's events, `pictures` what makes a photo fit to be kept.
"""
