"""Rules for overflow, underflow and cancellation."""
