"""What the tests stand on: real servers, real clients, and the oracle that judges them."""
