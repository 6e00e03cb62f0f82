"""Use cases: one function each. They check the role, speak to ports and to the store, and know no page and no portal kind."""
