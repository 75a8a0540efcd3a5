import Glibc

/// The same for the catalogue as in the tests, whose own stands in a file that needs more.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
