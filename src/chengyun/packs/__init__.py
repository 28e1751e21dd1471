"""Industry packs: one manifest declares what a trade needs.

Free of the database:

- `reader`: YAML with the position of each value, within limits
- `checking`: whether the parts of a manifest fit each other and what is there already
- `findings`: errors with line, column and path, in both languages
- `loading`: from text to manifest; which packs stand ready
- `builtin`: the packs that come with the platform

With the database: `service`, which puts packs into force.
"""
