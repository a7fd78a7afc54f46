"""Generated code of the contract; never edited."""
