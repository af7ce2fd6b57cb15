"""What all domains of the shop use."""
