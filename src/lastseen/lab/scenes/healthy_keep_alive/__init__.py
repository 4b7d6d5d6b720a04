"""a conversation that rests and keeps alive."""
