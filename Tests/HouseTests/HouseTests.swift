import Foundation
import Testing

/// What keeps the code in the shape that README and Package.swift promise: checks on the sources
/// themselves.
@Suite struct HouseTests {
    @Test func aModuleImportsOnlyWhatStandsAboveItInPackageSwift() throws {
        let modules = try SourceTree.modules()
        #expect(modules.count > 15, "Package.swift lists \(modules.count) modules: is it still read rightly?")
        let place = Dictionary(uniqueKeysWithValues: modules.enumerated().map { ($1, $0) })
        for module in modules {
            for file in try SourceTree.swiftFiles(under: "Sources/\(module)") {
                for imported in SourceTree.imports(of: try SourceTree.text(of: file)) {
                    guard let other = place[imported], let own = place[module] else { continue }
                    #expect(other < own, "\(file) imports \(imported), which stands below \(module) in Package.swift")
                }
            }
        }
    }

    /// What is not declared is built only as long as another target happens to be built first; what
    /// is declared for nothing makes a build wait.
    @Test func aTargetDeclaresWhatItImportsAndNothingElse() throws {
        let targets = try SourceTree.targets()
        let modules = try SourceTree.modules()
        #expect(targets.count > 40, "Package.swift lists \(targets.count) targets: is it still read rightly?")
        // Foundation, Glibc and the like come with the toolchain.
        let known = Set(modules + targets.map(\.name) + ["ArgumentParser", "Yams"])
        for target in targets {
            let files = try SourceTree.swiftFiles(under: target.folder)
            #expect(!files.isEmpty, "\(target.folder) has no sources")
            let imported = try Set(files.flatMap { SourceTree.imports(of: try SourceTree.text(of: $0)) }).intersection(known)
            for name in imported.subtracting(target.declared).sorted() {
                Issue.record("\(target.name) imports \(name), which Package.swift does not list among its dependencies")
            }
            for name in target.declared.subtracting(imported).sorted() {
                Issue.record("Package.swift lists \(name) among the dependencies of \(target.name), which does not import it")
            }
        }
    }

    @Test func everyFolderOfSourcesIsATarget() throws {
        let listed = Set(try SourceTree.modules())
        for folder in try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("Sources")) where !folder.hasPrefix(".") {
            #expect(listed.contains(folder), "Sources/\(folder) is not a target of Package.swift")
        }
    }

    /// What comes from outside must end in an error, not in a trap. A line that cannot be reached
    /// from outside says why, after `// invariant:`.
    @Test func nothingTrapsOutsideMarkedInvariants() throws {
        let traps = try Regex(#"\b(fatalError|preconditionFailure|precondition)\(|\btry!|\bas! "#)
        for file in try SourceTree.swiftFiles(under: "Sources") {
            for (index, line) in SourceTree.lines(of: try SourceTree.text(of: file)).enumerated() {
                let code = line.trimmingCharacters(in: .whitespaces)
                if code.hasPrefix("//") || code.contains("// invariant:") { continue }
                #expect(code.firstMatch(of: traps) == nil, "\(file):\(index + 1) can trap: \(code)")
            }
        }
    }

    @Test func noSourceIsLongerThanEightHundredLines() throws {
        var sizes: [(file: String, lines: Int)] = []
        for file in try SourceTree.swiftFiles(under: "Sources") + SourceTree.files(under: "Shaders", endings: [".comp", ".glsl"]) {
            sizes.append((file, SourceTree.lines(of: try SourceTree.text(of: file)).count))
        }
        sizes.sort { $0.lines > $1.lines }
        let median = sizes.isEmpty ? 0 : sizes[sizes.count / 2].lines
        print("sources: \(sizes.count) files, \(sizes.reduce(0) { $0 + $1.lines }) lines, median \(median); the longest:")
        for size in sizes.prefix(5) { print("  \(size.lines) \(size.file)") }
        for size in sizes where size.lines > 800 { Issue.record("\(size.file) has \(size.lines) lines: nearly always two subjects") }
    }

    @Test func everyLinkBetweenDocumentsLeadsSomewhere() throws {
        let link = try Regex(#"\]\(([^)#:\s]+)(#[^)]*)?\)"#, as: (Substring, Substring, Substring?).self)
        for file in try ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "Shaders/README.md"]
            + SourceTree.files(under: "docs", endings: [".md"])
        {
            let folder = (file as NSString).deletingLastPathComponent
            for match in try SourceTree.text(of: file).matches(of: link) {
                let target = (folder as NSString).appendingPathComponent(String(match.output.1))
                #expect(
                    FileManager.default.fileExists(atPath: SourceTree.path(target)), "\(file) names \(match.output.1), which is not there")
            }
        }
    }

    @Test func everyKeyOfTheManifestIsInTheSchemaAndTheManual() throws {
        let document = try JSONSerialization.jsonObject(with: Data(SourceTree.text(of: "docs/manifest.schema.json").utf8))
        let schema = try #require(document as? [String: Any])
        let properties = try #require(schema["properties"] as? [String: Any])
        let manual = try SourceTree.text(of: "docs/manifest.md")
        for key in properties.keys { #expect(manual.contains("`\(key)"), "docs/manifest.md does not explain \(key)") }
    }
}
