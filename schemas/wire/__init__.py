"""What travels between hubs and clients."""
