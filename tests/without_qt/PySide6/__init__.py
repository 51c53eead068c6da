raise ImportError("PySide6 is hidden: this test lane proves that the engine needs no Qt")
