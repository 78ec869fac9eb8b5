"""The tamper-evident log: what was asked, answered and refused, so that nobody can take it back unseen."""
