"""How many simulations are run: in processes of this machine or on a cluster, one thread each."""
