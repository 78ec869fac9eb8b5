"""The sample city: an invented Wenling whose every fact is known, and its registries as departments deliver them."""
