"""The interactive page: two worlds beside each other, the crowd, single lives, and the record behind the curves.

`solara run experiments/page/app.py` shows it, too.
"""
