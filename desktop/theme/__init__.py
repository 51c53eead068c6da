"""How Halfbyte looks: two palettes, one scale of sizes, one stylesheet and one set of icons."""
