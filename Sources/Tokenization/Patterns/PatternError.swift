/// Why a regular expression is not understood.
struct PatternError: Error, CustomStringConvertible {
    var message: String
    var description: String { message }
}
