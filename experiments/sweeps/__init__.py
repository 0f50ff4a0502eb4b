"""Experiments that survive: a study is one file, its result folder is its journal, and any run can be made again."""
