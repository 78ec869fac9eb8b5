"""The `mianzheng` command."""
