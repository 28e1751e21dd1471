"""Layers of the one map."""
