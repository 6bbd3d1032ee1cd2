"""The test lab: real servers, a relay that misbehaves on demand, and the tunneld under test.

Nothing here knows what is being tested. Every server listens on loopback only, keeps its files in the
folder it is given, and is stopped (with every child) by its stop().
"""
