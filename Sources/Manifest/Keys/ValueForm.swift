package import JSON

/// How values of one type stand in a manifest: how they are read and written, and what a schema and
/// a manual say of them.
package struct ValueForm<Value: Sendable>: Sendable {
    /// What JSON Schema says of such a value.
    package let schema: JSONNode
    /// The values in words, as a table shows them: `2 to 16777216`.
    package let words: String
    /// - Throws: what is wrong with the value.
    let read: @Sendable (JSONNode) throws(ValueRefusal) -> Value
    /// The value as the manifest says it; nil where it is left out.
    let write: @Sendable (Value) -> JSONNode?
}

/// Why a value cannot be taken, as the end of a sentence about it: `is a string, not a number`.
package struct ValueRefusal: Error {
    package let message: String

    package init(_ message: String) { self.message = message }
}

extension ValueForm where Value == Int {
    package static func integer(_ range: ClosedRange<Int>) -> ValueForm {
        ValueForm(
            schema: ["type": "integer", "minimum": JSONNode(range.lowerBound), "maximum": JSONNode(range.upperBound)],
            words: range.words,
            read: { node throws(ValueRefusal) in try number(node, in: range) }, write: { JSONNode($0) })
    }

    fileprivate static func number(_ node: JSONNode, in range: ClosedRange<Int>) throws(ValueRefusal) -> Int {
        guard let number = node.integer else {
            guard let double = node.double else { throw ValueRefusal("is \(node.kindName), not a number") }
            guard double.rounded() == double else { throw ValueRefusal("is not a whole number") }
            throw ValueRefusal("\(double) is out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        guard range.contains(number) else {
            throw ValueRefusal("\(number) is out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The most bytes that can be asked for: sums of a few such numbers are still numbers.
    private static let largestByteCount = 1 << 60

    /// Bytes as a number, or with a unit: `512MiB`, `1.5 GiB`.
    package static var byteCount: ValueForm {
        ValueForm(
            schema: [
                "anyOf": [
                    ["type": "integer", "minimum": 1, "maximum": JSONNode(largestByteCount)],
                    ["type": "string", "pattern": "^[0-9]{0,17}[1-9][0-9]{0,17}$", "maxLength": 18],
                    ["type": "string", "pattern": "^(?=[^1-9]*[1-9])[0-9]{1,6}([.][0-9]{1,9})? *(KiB|MiB|GiB|TiB)$"],
                ]
            ],
            words: "bytes, or a size such as 2GiB",
            read: { node throws(ValueRefusal) in
                if let number = node.integer, (1...largestByteCount).contains(number) { return number }
                guard let number = node.string.flatMap({ Manifest.byteCount($0) }) else {
                    throw ValueRefusal("is not a size; write for example 2GiB")
                }
                return number
            }, write: { JSONNode($0) })
    }
}

extension ValueForm where Value == UInt64 {
    /// A number that begins a sequence of random ones.
    package static var seed: ValueForm {
        ValueForm(
            schema: ValueForm<Int>.integer(0...Int.max).schema, words: "a whole number from 0",
            read: { node throws(ValueRefusal) in
                UInt64(try ValueForm<Int>.number(node, in: 0...Int.max))
            }, write: { JSONNode(Int(truncatingIfNeeded: $0)) })
    }
}

extension ValueForm where Value == Double {
    package static func number(_ range: ClosedRange<Double>) -> ValueForm {
        ValueForm(
            schema: ["type": "number", "minimum": plain(range.lowerBound), "maximum": plain(range.upperBound)],
            words: "\(JSONWriter().string(plain(range.lowerBound))) to \(JSONWriter().string(plain(range.upperBound)))",
            read: { node throws(ValueRefusal) in
                guard let number = node.double else { throw ValueRefusal("is \(node.kindName), not a number") }
                guard range.contains(number) else {
                    throw ValueRefusal("\(number) is out of range: \(range.lowerBound) to \(range.upperBound)")
                }
                return number
            }, write: { JSONNode($0) })
    }

    /// The number without a fraction where it has none.
    private static func plain(_ number: Double) -> JSONNode { Int(exactly: number).map { JSONNode($0) } ?? JSONNode(number) }
}

extension ValueForm where Value == Double? {
    /// A share of which zero means the same as leaving the key out.
    package static func share(below limit: Double) -> ValueForm {
        let number = ValueForm<Double>.number(0...limit)
        return ValueForm(
            schema: number.schema, words: number.words,
            read: { node throws(ValueRefusal) in
                let share = try number.read(node)
                return share == 0 ? nil : share
            }, write: { $0.map { JSONNode($0) } })
    }
}

extension ValueForm where Value == Bool {
    package static var flag: ValueForm {
        ValueForm(
            schema: ["type": "boolean"], words: "`true`, `false`",
            read: { node throws(ValueRefusal) in
                guard let flag = node.bool else { throw ValueRefusal("is \(node.kindName); write true or false") }
                return flag
            }, write: { JSONNode($0) })
    }
}

extension ValueForm where Value == String {
    /// Text of one line.
    /// - Parameter limit: characters (Unicode scalars) that it may have.
    package static func text(limit: Int) -> ValueForm {
        text(limit: limit, pattern: "^[^\\u0000-\\u001f\\u007f]*$", words: "text") { _ in nil }
    }

    /// A part of a file name.
    package static func name(limit: Int) -> ValueForm {
        text(limit: limit, pattern: "^[A-Za-z0-9._-]+$", words: "\(limit) characters `A-Z a-z 0-9 . _ -`") {
            $0.utf8.allSatisfy(isNameByte) ? nil : "may hold letters, digits, '.', '_' and '-' only"
        }
    }

    /// Where a job runs.
    package static var device: ValueForm {
        text(
            limit: 256, pattern: "^(auto|cpu|vulkan|vulkan:[^\\u0000-\\u001f\\u007f]+)$",
            words: "`auto`, `cpu`, `vulkan`, `vulkan:NUMBER`, `vulkan:NAME`"
        ) {
            Manifest.isDevice($0) ? nil : "is \"\($0)\"; it may be auto, cpu, vulkan or vulkan:NUMBER_OR_NAME"
        }
    }

    private static func text(
        limit: Int, pattern: String, words: String, fault: @escaping @Sendable (String) -> String?
    ) -> ValueForm {
        ValueForm(
            schema: ["type": "string", "minLength": 1, "maxLength": JSONNode(limit), "pattern": JSONNode(pattern)], words: words,
            read: { node throws(ValueRefusal) in
                guard let text = node.string else { throw ValueRefusal("is \(node.kindName), not a string") }
                guard !text.isEmpty else { throw ValueRefusal("is empty") }
                guard text.unicodeScalars.count <= limit else { throw ValueRefusal("has more than \(limit) characters") }
                guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
                    throw ValueRefusal("contains control characters")
                }
                if let fault = fault(text) { throw ValueRefusal(fault) }
                return text
            }, write: { JSONNode($0) })
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "._-".utf8.contains(byte)
    }
}

extension ValueForm where Value == [String] {
    /// A list of short strings.
    package static func texts(limit: Int) -> ValueForm {
        ValueForm(
            schema: [
                "type": "array", "items": ["type": "string", "minLength": 1, "maxLength": JSONNode(limit)], "maxItems": 10_000,
            ], words: "a list of strings",
            read: { node throws(ValueRefusal) in
                guard let elements = node.array else { throw ValueRefusal("is \(node.kindName), not a list of strings") }
                guard elements.count <= 10_000 else { throw ValueRefusal("has \(elements.count) entries; 10000 are allowed") }
                var texts: [String] = []
                for element in elements {
                    guard let text = element.string, !text.isEmpty, text.unicodeScalars.count <= limit else {
                        throw ValueRefusal("contains an entry that is not a string of 1 to \(limit) characters")
                    }
                    texts.append(text)
                }
                return texts
            }, write: { $0.isEmpty ? .none : JSONNode($0.map { JSONNode($0) }) })
    }
}

extension ValueForm where Value == [String: String] {
    /// Pairs that are only copied; whole numbers are taken as text.
    package static func pairs(count: Int, keyLimit: Int, valueLimit: Int) -> ValueForm {
        ValueForm(
            schema: [
                "type": "object", "maxProperties": JSONNode(count), "propertyNames": ["maxLength": JSONNode(keyLimit)],
                "additionalProperties": [
                    "anyOf": [["type": "string", "maxLength": JSONNode(valueLimit)], ["type": "integer"]]
                ],
            ], words: "at most \(count) pairs of strings",
            read: { node throws(ValueRefusal) in
                guard let members = node.object else { throw ValueRefusal("is \(node.kindName), not an object of strings") }
                guard members.count <= count else { throw ValueRefusal("has \(members.count) pairs; \(count) are allowed") }
                var pairs: [String: String] = [:]
                for member in members {
                    guard member.key.unicodeScalars.count <= keyLimit else {
                        throw ValueRefusal("has a key of more than \(keyLimit) characters")
                    }
                    guard let text = text(member.node) else { throw ValueRefusal("the value of \(member.key) is not a string") }
                    guard text.unicodeScalars.count <= valueLimit else {
                        throw ValueRefusal("the value of \(member.key) has more than \(valueLimit) characters")
                    }
                    pairs[member.key] = text
                }
                return pairs
            },
            write: { pairs in
                pairs.isEmpty ? .none : JSONNode(pairs.sorted { $0.key < $1.key }.map { JSONMember($0.key, JSONNode($0.value)) })
            })
    }

    private static func text(_ node: JSONNode) -> String? {
        switch node.value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bigInteger(let digits): digits
        case .double: node.integer.map { String($0) }
        default: nil
        }
    }
}

extension ValueForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a few words.
    package static var word: ValueForm {
        let known = Value.allCases.map(\.rawValue)
        return ValueForm(
            schema: ["enum": JSONNode(known.map { JSONNode($0) })], words: known.map { "`\($0)`" }.joined(separator: ", "),
            read: { node throws(ValueRefusal) in
                guard let word = node.string else { throw ValueRefusal("is \(node.kindName), not a string") }
                guard let value = Value(rawValue: word) else {
                    throw ValueRefusal("is \"\(word.prefix(64))\"; it may be \(known.joined(separator: ", "))")
                }
                return value
            }, write: { JSONNode($0.rawValue) })
    }
}

extension ValueForm {
    /// A value, or the word `auto` for one that is decided later.
    package static func auto<Inner: Sendable & Hashable>(or inner: ValueForm<Inner>) -> ValueForm where Value == Manifest.Choice<Inner> {
        ValueForm(
            schema: ["anyOf": [["const": "auto"], inner.schema]], words: "`auto`, " + inner.words,
            read: { node throws(ValueRefusal) in
                node.string == "auto" ? .auto : .value(try inner.read(node))
            },
            write: { choice in
                switch choice {
                case .auto: "auto"
                case .value(let value): inner.write(value)
                }
            })
    }
}

extension ClosedRange<Int> {
    /// `2 to 16777216`; without the end that is only what an integer can hold.
    fileprivate var words: String { upperBound >= 1_000_000_000 ? "a whole number from \(lowerBound)" : "\(lowerBound) to \(upperBound)" }
}
