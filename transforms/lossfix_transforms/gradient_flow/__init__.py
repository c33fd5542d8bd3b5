"""Rules for values that leave the graph."""
