"""memos: a MemGPT-style agent as an operating system for one local model."""
