"""
Breaks the shop on purpose and then goes through its books: ``python -m tests.chaos --help``.

======================  ============================================================================
``http_messages``       requests and answers, read to their last byte and passed on as they came
``fault_proxy``         the network between the gateway and a backend, with its faults
``servers``             processes that are killed, frozen and started again
``databases``           where each service keeps its data: SQLite files, or a PostgreSQL server
``world``               the whole shop as processes, with the proxies between them
``shopping``            what shoppers want, what they do about a failure, and what they were told
``load``                many shoppers at once
``statement``           what stands in all databases
``books``               what must be true of that, and of what shoppers were told
``kill_points``         who is killed when
``weather``             what else is wrong meanwhile
``rounds``              kill, start again, settle, check; many times in one world
``replicas``            three gateways: one killed for good, one frozen, the database restarted
``one_key``, ``rush``   a hundred requests with one key; ten thousand orders for a thousand units
``mutants``             the same without one of the safeguards, which must be found out
======================  ============================================================================
"""
