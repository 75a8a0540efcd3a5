import JSON

/// The keys of a manifest as people read them: a table for the manual, a list for the terminal.
package enum KeyTable {
    /// One key with its whole path.
    package struct Row: Sendable {
        package let section: String
        package let name: String
        package let values: String
        package let standard: String
        package let sentence: String

        package var path: String { section.isEmpty ? name : section + "." + name }
    }

    /// Every key that has a value, section by section in the order of the manifest. The
    /// hyperparameters, which all methods share, stand once.
    package static var rows: [Row] { rows(Manifest.description, "") }

    private static func rows(_ section: SectionDescription, _ path: String) -> [Row] {
        var rows: [Row] = []
        var inner: [Row] = []
        if let first = section.kinds.first {
            rows.append(
                Row(
                    section: path, name: "type", values: section.kinds.map { "`\($0.word)`" }.joined(separator: ", "),
                    standard: section.following ?? "`\(first.word)`",
                    sentence: section.kinds.map { "`\($0.word)`: \($0.sentence)" }.joined(separator: "; ")))
        }
        var shown: Set<String> = []
        for kind in section.kinds {
            for key in kind.keys where shown.insert(key.name).inserted {
                let owners = section.kinds.filter { $0.keys.contains { $0.name == key.name } }.map(\.word)
                let only = owners.count < section.kinds.count ? " (\(owners.joined(separator: ", ")) only)" : ""
                rows.append(row(key, path, key.sentence + only))
            }
        }
        for key in section.keys {
            switch key.content {
            case .value: rows.append(row(key, path, key.sentence))
            case .section(let description):
                inner += Self.rows(description, path.isEmpty ? key.name : path + "." + key.name)
            }
        }
        return rows + merged(inner, below: path)
    }

    /// Keys that every method has stand once, under `method.<type>`.
    private static func merged(_ rows: [Row], below path: String) -> [Row] {
        guard path == "method" else { return rows }
        let words = Manifest.Method.all.filter { $0.hasHyperparameters }.map { $0.word }
        var shown: Set<String> = []
        return rows.compactMap { row in
            guard let word = words.first(where: { row.section.hasPrefix("method.\($0).") }) else { return row }
            let isShared = words.allSatisfy { other in
                rows.contains {
                    $0.name == row.name && $0.sentence == row.sentence && $0.section == row.section.replacing(word, with: other)
                }
            }
            guard isShared else { return row }
            guard shown.insert(row.name).inserted else { return nil }
            return Row(
                section: row.section.replacing("method.\(word).", with: "method.<type>."), name: row.name, values: row.values,
                standard: row.standard, sentence: row.sentence)
        }
    }

    private static func row(_ key: KeyDescription, _ section: String, _ sentence: String) -> Row {
        var words = ""
        if case .value(_, let values) = key.content { words = values }
        return Row(section: section, name: key.name, values: words, standard: standard(of: key), sentence: sentence)
    }

    private static func standard(of key: KeyDescription) -> String {
        if key.isRequired { return "required" }
        if let following = key.following { return following }
        guard let standard = key.standard else { return "none" }
        if let word = standard.string { return "`\(word)`" }
        if let number = standard.double.flatMap({ Int(exactly: $0) }) { return "\(number)" }
        return JSONWriter().string(standard)
    }

    /// The tables of `docs/manifest.md`, one a section.
    package static var markdown: String {
        var text = ""
        var section: String?
        for row in rows {
            if row.section != section {
                text += row.section.isEmpty ? "" : "\n### `\(row.section)`\n\n"
                text += "| key | values | default | |\n| --- | --- | --- | --- |\n"
                section = row.section
            }
            text += "| `\(row.name)` | \(row.values) | \(row.standard) | \(row.sentence) |\n"
        }
        return text
    }

    /// The key of a name or path, or the keys of a section; nil: all.
    package static func rows(of name: String?) -> [Row] {
        rows.filter { row in
            guard let name else { return true }
            return row.name == name || row.path == name || row.section == name || row.section.hasPrefix(name + ".")
        }
    }

    /// A list for a terminal.
    /// - Parameter name: a key's name or path, or a section; nil: all.
    /// - Returns: nil if there is nothing of that name.
    package static func list(_ name: String? = nil, columns: Int = 80) -> String? {
        let wanted = rows(of: name)
        if wanted.isEmpty { return nil }
        return wanted.map { row in
            let values = "\(row.values); \(row.standard == "required" ? "required" : "default \(row.standard)")"
            return "\(row.path)\n" + [row.sentence, values].map { wrapped(plain($0), columns) }.joined()
        }.joined()
    }

    private static func plain(_ text: String) -> String { text.filter { $0 != "`" } }

    /// Lines of at most so many columns, four of them blank.
    private static func wrapped(_ text: String, _ columns: Int) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > max(20, columns - 4) {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append(line)
        return lines.map { "    \($0)\n" }.joined()
    }

    /// Every name of a key and every word that one may have: seeds of trials with changed
    /// manifests.
    package static var words: [String] {
        var words: Set<String> = []
        func add(_ section: SectionDescription) {
            for key in section.keys + section.kinds.flatMap(\.keys) {
                words.insert(key.name)
                switch key.content {
                case .value(let schema, _): add(schema)
                case .section(let inner): add(inner)
                }
            }
            for kind in section.kinds { words.insert(kind.word) }
        }
        func add(_ schema: JSONNode) {
            for word in schema["enum"]?.array ?? [] { if let word = word.string { words.insert(word) } }
            if let word = schema["const"]?.string { words.insert(word) }
            for inner in schema["anyOf"]?.array ?? [] { add(inner) }
        }
        add(Manifest.description)
        return words.sorted()
    }
}
