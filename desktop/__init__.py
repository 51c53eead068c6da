"""The window: Qt, and no tensor library."""
