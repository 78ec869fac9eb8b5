"""The `mianzheng` command: thin, one module a group."""
