"""Layers of the one map: what packs declare, and what lies in the part of the map that somebody looks at."""
