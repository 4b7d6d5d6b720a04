"""The fault `reverse_path_filter`: a packet came in where its answer would not go out."""
