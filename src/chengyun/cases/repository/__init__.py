"""All SQL of the cases room: `records` one case, `lists` many, `figures` counts, `photos`, `rules` limits and routes, `chain` the
check of timelines, `history` bulk loading."""
