import Foundation
import Testing

@Suite struct OnlyWriterTests {
    /// What changes files goes through `Storage`, where it can be made to fail; a call past it
    /// would be one that no trial reaches.
    @Test func noOtherModuleChangesFilesByItself() throws {
        var root = URL(fileURLWithPath: #filePath)
        while root.path != "/", !FileManager.default.fileExists(atPath: root.path + "/Package.swift") { root.deleteLastPathComponent() }
        let sources = root.path + "/Sources"
        try #require(FileManager.default.fileExists(atPath: sources))
        let call =
            #/(?:^|[^.\w`"])(?:Glibc\.)?(?:mkdir|unlink|rename|renameat|rmdir|ftruncate|truncate|fsync|fdatasync|creat|fopen(?!\([^)]*"r"\))|link(?!\(\)|\(String\))|symlink|mkfifo|mkstemp|fallocate)\(/#
        let other =
            #/createFile|createDirectory|removeItem|moveItem|copyItem|setAttributes|FileHandle\(for(?:Writing|Updating)|\.write\(to(?:File)?:|O_CREAT|O_WRONLY|O_RDWR|O_TRUNC/#
        var checked = 0
        for case let path as String in try #require(FileManager.default.enumerator(atPath: sources)) where path.hasSuffix(".swift") {
            // StorageTrials, Fuzzing and tala-fuzz are for tests: they are never installed.
            if ["Storage/", "StorageTrials/", "Fuzzing/", "tala-fuzz/"].contains(where: { path.hasPrefix($0) }) { continue }
            checked += 1
            for (number, line) in try String(contentsOfFile: sources + "/" + path, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false
            ).enumerated() {
                // What goes to /dev/null changes nothing.
                if line.contains("\"/dev/null\"") { continue }
                let code = line.range(of: "//").map { line[..<$0.lowerBound] } ?? line
                #expect(code.firstMatch(of: call) == nil && code.firstMatch(of: other) == nil, "\(path):\(number + 1): \(line)")
            }
        }
        #expect(checked > 100)
    }
}
