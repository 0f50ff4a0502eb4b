"""How the rules are compiled and run: Numba's options and cache, threads, a logarithm, requests for memory."""
