"""Who acts: the people, the platform that pools them, the insurer beside it and the regulator above it."""
