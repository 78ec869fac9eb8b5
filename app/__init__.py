"""Composition: a hub is put together from its home, for the command line, the DAGs, the server and the tests alike."""
