"""The driver for a hundred million people: one compiled pass over everybody."""
