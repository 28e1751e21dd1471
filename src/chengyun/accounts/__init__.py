"""Who may do what and see which area: organisations, users, posts, sessions, API keys, audit.

- `permissions`: all permissions, the built-in posts with theirs, the three duties of administration
- `passwords`: which passwords are accepted, and how the platform makes one up

Above this room: `service.authenticate` says who calls; `ensure_organisation`, `ensure_user`, `create_api_key` and `seed`
fill a new platform; importing `service` also names the writer of the audit log to the kernel.
"""
