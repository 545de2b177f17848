"""A deposit: seen, confirmed, credited. By executed effect and confirmations, never by appearance; to whom the register says."""
