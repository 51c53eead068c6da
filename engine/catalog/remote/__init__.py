"""Reads headers of files that lie on the Hub, by a few small HTTP ranges."""
