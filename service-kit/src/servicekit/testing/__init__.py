"""
What tests of any service stand on: real servers, a clock that is set by hand, and polling.
"""
