"""What is larger than memory, or than one machine: the same stages on parts of the evidence."""
