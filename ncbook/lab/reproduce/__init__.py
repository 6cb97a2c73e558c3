"""The papers' experiments at full size: what to run, what became of it, what it costs."""
