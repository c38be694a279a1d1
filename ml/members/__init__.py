"""What an ensemble is made of: models of one table that err in different ways."""
