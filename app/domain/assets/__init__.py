"""Serial numbers and warranty: what a unit is called and how long it is covered."""
