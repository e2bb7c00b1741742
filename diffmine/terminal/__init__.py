"""What runs and studies look like on a terminal, with colours and pictures where it can show them."""
