"""Official clients through a gateway: their environments, what is run of each, and what they told."""
