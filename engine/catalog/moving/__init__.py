"""Moving the library to another folder or disk: nothing leaves the old place before the new one has it, verified."""
