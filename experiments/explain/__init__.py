"""Why the pool did what it did: exact accounting of a change, and its causes by switching mechanisms off."""
