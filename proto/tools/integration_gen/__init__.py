"""What the build generates from the .proto files, beside nanopb's structs."""
