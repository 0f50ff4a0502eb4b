"""Fits the model to the record up to the end of 2020, and says how sure the fit is."""
