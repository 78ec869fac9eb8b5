"""What the hub does in a second, and what a question costs: measured, never guessed. Run by `make bench`."""
