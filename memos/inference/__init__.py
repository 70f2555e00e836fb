"""Drivers for models: llama.cpp for the chat model, sentence-transformers for embeddings.

Nothing outside this package imports llama_cpp, llguidance or sentence_transformers.
"""
