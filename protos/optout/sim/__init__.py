"""How simulators are steered."""
