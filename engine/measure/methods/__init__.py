"""How it is measured: used in this stage's worker only, because numpy and the back ends are loaded here."""
