"""Rules for steps that have no gradient."""
