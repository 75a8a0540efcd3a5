package import JSON
import Yams

/// A manifest's text as a tree of values with places, from JSON or YAML.
///
/// YAML is read without anchors and aliases, and its plain words are text unless they are `true`,
/// `false`, `null`, `~` or a number: `no` is a word, not a false.
package struct ManifestText {
    package let bytes: [UInt8]
    package let root: JSONNode

    package static let byteLimit = 1 << 20

    /// - Throws: ``ManifestError`` with code `invalid_manifest`.
    package init(_ bytes: [UInt8], isYAML: Bool) throws(ManifestError) {
        guard bytes.count <= Self.byteLimit else {
            throw ManifestError(code: "invalid_manifest", message: "has \(bytes.count) bytes; \(Self.byteLimit) are allowed")
        }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        self.bytes = text
        root = isYAML ? try Self.yaml(text) : try Self.json(text)
        guard root.object != nil else {
            throw ManifestError(
                code: "invalid_manifest", message: "is \(root.kindName), not an object with keys",
                position: JSONPosition(line: 1, column: 1))
        }
    }

    package func position(_ offset: Int) -> JSONPosition { JSONPosition(of: offset, in: bytes) }

    private static func json(_ bytes: [UInt8]) throws(ManifestError) -> JSONNode {
        do throws(JSONError) { return try JSONParser().parse(bytes) } catch {
            throw ManifestError(code: "invalid_manifest", message: "\(error)", position: JSONPosition(of: error.offset, in: bytes))
        }
    }

    private static func yaml(_ bytes: [UInt8]) throws(ManifestError) -> JSONNode {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ManifestError(code: "invalid_manifest", message: "is not valid UTF-8")
        }
        try requireShallow(bytes)
        try requireFewAliases(bytes)
        let lines = lineStarts(bytes)
        do {
            guard let node = try Yams.compose(yaml: text, .basic) else {
                throw ManifestError(code: "invalid_manifest", message: "is empty")
            }
            return try converted(node, lines, bytes, depth: 0)
        } catch let error as ManifestError {
            throw error
        } catch let error as YamlError {
            throw described(error)
        } catch {
            throw ManifestError(code: "invalid_manifest", message: "is not valid YAML")
        }
    }

    private static func described(_ error: YamlError) -> ManifestError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            return ManifestError(
                code: "invalid_manifest", message: "is not valid YAML: \(problem)",
                position: JSONPosition(line: mark.line, column: mark.column))
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.sorted().joined(separator: ", ")
            return ManifestError(
                code: "invalid_manifest", message: "a key occurs twice: \(names)",
                position: JSONPosition(line: context.mark.line, column: context.mark.column))
        default: return ManifestError(code: "invalid_manifest", message: "is not valid YAML")
        }
    }

    /// Refuses what would make the YAML reader recurse deeply: manifests are flat.
    private static func requireShallow(_ bytes: [UInt8]) throws(ManifestError) {
        var depth = 0
        var dashes = 0
        var indentation: Int? = 0
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): dashes += 1
            case UInt8(ascii: "\n"): (dashes, indentation) = (0, 0)
            default: break
            }
            if byte == UInt8(ascii: " ") {
                indentation = indentation.map { $0 + 1 }
            } else if byte != UInt8(ascii: "\n") {
                indentation = nil
            }
            if depth > 32 || dashes > 256 || (indentation ?? 0) > 256 {
                throw ManifestError(code: "invalid_manifest", message: "is nested too deeply", position: JSONPosition(of: index, in: bytes))
            }
        }
    }

    /// Refuses what would make the YAML reader's tree grow beyond all bounds before it can be
    /// looked at ("billion laughs"). Whatever stands in quotes or comments counts as well: a scan
    /// that knew them could be deceived. Up to sixteen aliases grow to some hundred nodes at most,
    /// and are refused by name afterwards.
    private static func requireFewAliases(_ bytes: [UInt8]) throws(ManifestError) {
        guard bytes.contains(UInt8(ascii: "&")) else { return }
        var count = 0
        for index in bytes.indices.dropLast() where bytes[index] == UInt8(ascii: "*") && bytes[index + 1] > UInt8(ascii: " ") {
            count += 1
            if count > 16 {
                throw ManifestError(
                    code: "invalid_manifest", message: "YAML anchors and aliases are not allowed here",
                    position: JSONPosition(of: index, in: bytes))
            }
        }
    }

    private static func lineStarts(_ bytes: [UInt8]) -> [Int] {
        [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    }

    private static func converted(_ node: Node, _ lines: [Int], _ bytes: [UInt8], depth: Int) throws -> JSONNode {
        let mark = node.mark
        let line = (mark?.line ?? 1) - 1
        let offset = (line >= 0 && line < lines.count ? lines[line] : 0) + max(0, (mark?.column ?? 1) - 1)
        func failure(_ message: String) -> ManifestError {
            ManifestError(code: "invalid_manifest", message: message, position: mark.map { JSONPosition(line: $0.line, column: $0.column) })
        }
        if node.anchor != nil { throw failure("YAML anchors and aliases are not allowed here") }
        guard depth <= 32 else { throw failure("is nested too deeply") }
        switch node {
        case .alias: throw failure("YAML anchors and aliases are not allowed here")
        case .scalar(let scalar): return JSONNode(value(of: scalar), offset: offset)
        case .sequence(let elements):
            return JSONNode(.array(try elements.map { try converted($0, lines, bytes, depth: depth + 1) }), offset: offset)
        case .mapping(let mapping):
            var members: [JSONMember] = []
            for (key, value) in mapping {
                guard let name = key.scalar?.string else { throw failure("a key is not a word") }
                if members.contains(where: { $0.key == name }) { throw failure("the key \"\(name)\" occurs twice") }
                let keyNode = try converted(key, lines, bytes, depth: depth + 1)
                members.append(JSONMember(name, try converted(value, lines, bytes, depth: depth + 1), keyOffset: keyNode.offset))
            }
            return JSONNode(.object(members), offset: offset)
        }
    }

    private static func value(of scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        let text = scalar.string
        switch text {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: break
        }
        if text.utf8.count > 64 { return .string(text) }
        if let first = text.utf8.first, first == UInt8(ascii: "-") || first == UInt8(ascii: ".") || (0x30...0x39).contains(first),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) })
        {
            if let number = Int(text) { return .integer(number) }
            if let number = Double(text), number.isFinite { return .double(number) }
        }
        return .string(text)
    }
}
