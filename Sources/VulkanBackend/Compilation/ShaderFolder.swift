import Foundation

/// The folder of shaders, and their texts with all includes in place.
struct ShaderFolder: Sendable {
    let path: String

    /// `TALA_SHADERS`, or the folder `Shaders` beside the program or above it, or
    /// `share/tala/Shaders` of an installation.
    init() throws(VulkanError) {
        var candidates: [String] = []
        if let named = ProcessInfo.processInfo.environment["TALA_SHADERS"] { candidates.append(named) }
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for start in [program, FileManager.default.currentDirectoryPath + "/program"] {
            var folder = URL(fileURLWithPath: start).deletingLastPathComponent()
            for _ in 0..<8 where folder.path != "/" {
                candidates.append(folder.appendingPathComponent("Shaders").path)
                candidates.append(folder.appendingPathComponent("share/tala/Shaders").path)
                folder.deleteLastPathComponent()
            }
        }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0 + "/common/operands.glsl") }) else {
            throw .noShaders(searched: candidates)
        }
        path = found
    }

    /// A shader's text, and for each of its lines the file and line it comes from.
    struct Source {
        var lines: [String] = []
        var origins: [(file: String, line: Int)] = []

        var text: String { lines.joined(separator: "\n") + "\n" }

        /// Takes out the wish that loops be unrolled.
        mutating func removeUnrolling() { lines = lines.map { $0.replacingOccurrences(of: "[[unroll]]", with: "") } }

        var usesCooperativeMatrices: Bool { lines.contains { $0.hasPrefix("#extension GL_KHR_cooperative_matrix") } }

        /// A compiler's message with the numbers of lines replaced by files and lines.
        func translated(_ log: String) -> String {
            log.split(separator: "\n").map { line in
                // ERROR: 0:17: 'x' : undeclared identifier
                let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
                guard parts.count == 4, let number = Int(parts[2]), origins.indices.contains(number - 1) else { return String(line) }
                let origin = origins[number - 1]
                return "\(origin.file):\(origin.line):\(parts[3])"
            }.joined(separator: "\n")
        }
    }

    /// The text of `name.comp` with these definitions behind its `#version`.
    func source(_ name: String, definitions: [(String, String)]) throws(VulkanError) -> Source {
        var source = Source()
        var included: Set<String> = []
        try append(name + ".comp", to: &source, &included, name)
        let preamble = definitions.map { "#define \($0.0) \($0.1)" }
        source.lines.insert(contentsOf: preamble, at: min(1, source.lines.count))
        source.origins.insert(contentsOf: preamble.map { _ in ("definitions", 0) }, at: min(1, source.origins.count))
        return source
    }

    private func append(_ file: String, to source: inout Source, _ included: inout Set<String>, _ shader: String) throws(VulkanError) {
        guard included.insert(file).inserted else { return }
        guard let text = try? String(contentsOfFile: path + "/" + file, encoding: .utf8) else {
            throw .badShader(name: shader, message: "\(path)/\(file) cannot be read")
        }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("#extension GL_GOOGLE_include_directive") { continue }
            if line.hasPrefix("#include \""), let name = line.dropFirst(10).split(separator: "\"").first {
                try append(String(name), to: &source, &included, shader)
                continue
            }
            source.lines.append(String(line))
            source.origins.append((file, index + 1))
        }
    }
}
