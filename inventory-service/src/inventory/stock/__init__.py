"""
Reservations of stock by orders.
"""
