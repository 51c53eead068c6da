"""Small reusable widgets; none knows a page."""
