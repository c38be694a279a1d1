"""Any table of people: read, looked at, and an encoder proposed for it."""
