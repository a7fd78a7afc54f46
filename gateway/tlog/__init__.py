"""The Merkle log, pure: hashing, leaves and openings, the head; proofs, tiles, signed notes, the state map."""
