"""Where weights come from, and that they are what they claim to be.

- `catalogue`: the models that memos knows: files, sizes, SHA-256, licences, sources.
- `store`: the per-user folder of models; a name or path becomes a file that was checked.
- `verification`: hashing, and the stamps that spare hashing again.
- `fetch`: pulls an entry, from `hub` or from `wheels`.
- `gguf_info`: what a GGUF file says about itself.

Nothing here loads a model or knows llama.cpp: that is `memos.inference`.
"""
