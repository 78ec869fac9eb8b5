"""Values and ports that two or more rooms of the house need."""
