"""A pass-through between any client and any gateway: it relays bytes as they are, and keeps a recording of them.

It stands where the client expects the gateway. What the gateway sends reaches the client byte for byte and at once; of
a request only what belongs to a connection of its own is changed (``heads``), and nothing is added that would name us.
"""
