"""Two answers side by side, and the vote on them."""
