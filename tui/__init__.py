"""The shell: how a person talks with an agent in a terminal. Sees agents and events only."""
