"""The commands of the tool, one file for each group; ``cli`` registers them."""
