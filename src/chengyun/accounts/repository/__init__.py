"""All SQL of the accounts room, by subject."""
