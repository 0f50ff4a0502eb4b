"""The pictures and the report of a run: what is watched while it runs, how it is drawn, and how it is told."""
