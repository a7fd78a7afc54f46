"""The only input and output of the adapters: sockets here, and the pure sessions inside them."""
