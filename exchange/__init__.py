"""What the hub holds of the departments' registries: immutable snapshots, published through a quality gate."""
