"""Rules for reductions and broadcasts over the wrong axis."""
