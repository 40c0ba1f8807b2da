"""Reports of runs for people: learning curves, films, a viewer."""
