"""Generated code for steering simulators; never edited."""
