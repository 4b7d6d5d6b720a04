"""two flows that race for one translated port."""
