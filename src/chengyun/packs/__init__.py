"""Industry packs: one manifest declares what a trade needs."""
