/// Patterns of names, in which `*` stands for any letters, also none.
package enum NamePattern {
    package static func fits(_ name: String, _ pattern: String) -> Bool {
        let (name, pattern) = (Array(name.utf8), Array(pattern.utf8))
        var (place, index) = (0, 0)
        /// Behind the last star, and where the name went on from it.
        var star: (pattern: Int, name: Int)?
        while place < name.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                star = (index + 1, place)
                index += 1
            } else if index < pattern.count, pattern[index] == name[place] {
                (place, index) = (place + 1, index + 1)
            } else if let last = star {
                // The star takes one letter more.
                star = (last.pattern, last.name + 1)
                (place, index) = (last.name + 1, last.pattern)
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
