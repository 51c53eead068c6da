"""The back ends: only the runtime worker imports them."""
