"""Questions asked of the model: reproduce the record, compare with theory, look at it on a page."""
