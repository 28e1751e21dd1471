"""Who may do what and see which area: organisations, users, posts, sessions, API keys, audit."""
