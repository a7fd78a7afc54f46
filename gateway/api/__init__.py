"""The edge towards gRPC: protobuf messages stop here."""
