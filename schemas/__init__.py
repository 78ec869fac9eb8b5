"""What the city has agreed on: contracts, claims, items, grants, clients; wire formats; and their loaders."""
