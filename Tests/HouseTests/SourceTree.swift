import Foundation

/// The checkout that these tests were built from, as text.
enum SourceTree {
    private static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    static func text(of file: String) throws -> String { try String(contentsOfFile: path(file), encoding: .utf8) }

    static func lines(of text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// Paths from the root, sorted.
    static func files(under folder: String, endings: [String]) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path(folder)).flatMap { name -> [String] in
            let file = "\(folder)/\(name)"
            if endings.contains(where: { name.hasSuffix($0) }) { return [file] }
            // A folder of another target, which is compiled into this one as well.
            let isLinked = (try? FileManager.default.destinationOfSymbolicLink(atPath: path(file))) != nil
            return isLinked ? try FileManager.default.contentsOfDirectory(atPath: path(file)).map { "\(file)/\($0)" } : []
        }.filter { name in endings.contains { name.hasSuffix($0) } }.sorted()
    }

    static func swiftFiles(under folder: String) throws -> [String] { try files(under: folder, endings: [".swift"]) }

    /// The targets of Package.swift that have sources, in its order, which is the order in which
    /// they may import each other.
    static func modules() throws -> [String] {
        let target = try Regex(
            #"^\s*(?:module|moduleInC|program|\.systemLibrary)\(\s*(?:name:\s*)?"([A-Za-z-]+)""#, as: (Substring, Substring).self
        ).anchorsMatchLineEndings()
        let package = try text(of: "Package.swift")
        return package.matches(of: target).map { String($0.output.1) }
    }

    /// A target of Package.swift: what it says it depends on, by the names that are imported.
    struct Target {
        var name: String
        var folder: String
        var declared: Set<String>
    }

    /// The targets with sources in Swift, among them those of tests.
    static func targets() throws -> [Target] {
        let entry = try Regex(
            #"^\s*(module|program|tests|\.target)\(\s*(?:name:\s*)?"([A-Za-z-]+)"(?:\s*,\s*(?:dependencies:\s*)?\[([^\]]*)\]( \+ oldGlslang)?)?"#,
            as: (Substring, Substring, Substring, Substring?, Substring?).self
        ).anchorsMatchLineEndings()
        let name = try Regex(#""([A-Za-z-]+)"|\b(argumentParser|yams)\b"#, as: (Substring, Substring?, Substring?).self)
        return try text(of: "Package.swift").matches(of: entry).map { match in
            let declared = (match.output.3 ?? "").matches(of: name).map { found in
                found.output.1.map(String.init) ?? (found.output.2 == "yams" ? "Yams" : "ArgumentParser")
            }
            // Debian 12's glslang has an archive more, which is listed where it is there.
            let more = match.output.4 == nil ? [] : ["COGLCompiler"]
            let isTest = match.output.1 == "tests" || match.output.1 == ".target"
            return Target(
                name: String(match.output.2), folder: (isTest ? "Tests/" : "Sources/") + match.output.2, declared: Set(declared + more))
        }
    }

    /// The modules that a file imports.
    static func imports(of text: String) -> [String] {
        lines(of: text).compactMap { line in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count, position <= 2 else { return nil }
            guard
                words[..<position].allSatisfy({
                    $0.hasPrefix("@") || ["public", "internal", "private", "package", "fileprivate"].contains($0)
                })
            else { return nil }
            return String(words[position + 1])
        }
    }
}
