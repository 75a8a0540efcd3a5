/// Why a GGUF file cannot be read: the file, the key, tensor or part of the head, what is wrong.
package struct GGUFFault: Error, Sendable, Hashable, CustomStringConvertible {
    package var path: String
    /// The key, the tensor or the part of the head concerned; nil: the file as a whole.
    package var field: String?
    package var message: String
    /// The system's error number where the file could not be read; nil where what it holds is
    /// wrong.
    package var errorNumber: Int32?

    package init(path: String, field: String? = nil, errorNumber: Int32? = nil, _ message: String) {
        (self.path, self.field, self.errorNumber, self.message) = (path, field, errorNumber, message)
    }

    package var description: String { path + ": " + (field.map { "\($0): " } ?? "") + message }

    /// A name out of a file as it can be shown: cut, and without what a terminal would obey.
    static func shown(_ name: some StringProtocol) -> String {
        var text = ""
        for scalar in name.unicodeScalars.prefix(64) {
            let isPlain = !(scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || scalar.properties.generalCategory == .format)
            text.unicodeScalars.append(isPlain ? scalar : "\u{FFFD}")
        }
        return name.unicodeScalars.count > 64 ? text + "..." : text
    }
}
