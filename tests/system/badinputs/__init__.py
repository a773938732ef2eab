"""Bad inputs as data: each row says what is sent and exactly how the server must answer.

rows.py has the form of a row, world.py what the rows may speak of (accounts, orders, connections); each
of the other modules has rows about one part of the protocol and exports them as ROWS. There is no row
without an exact status and problem type. tests/system/test_bad_inputs.py sends them."""
