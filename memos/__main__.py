"""`python -m memos`: the command line where its script is not on the path. It knows nothing else."""

from memos.cli import main

if __name__ == "__main__":
    main()
