"""What a team would build instead, so that the hub can be measured beside it."""
