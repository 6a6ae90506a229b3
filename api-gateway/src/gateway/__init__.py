"""
The gateway: one API in front of the shop's services.

A folder is a module; ``module_table`` says what each provides and which others it may call.
"""
