"""Fits the model to the first part of a record, and says how sure the fit is."""
