import Foundation
import Testing

/// The name of an operation is the name of a file in every place that knows the operation.
@Suite struct KernelFilesTests {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Operations that have kernels: the files of the operations that are not views or helpers.
    static func operations() throws -> [String] {
        let files = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources/Graph/Operations").path)
        return try files.filter { $0.hasSuffix(".swift") && $0 != "Views.swift" }.compactMap { file in
            let text = try String(contentsOf: root.appendingPathComponent("Sources/Graph/Operations/\(file)"), encoding: .utf8)
            let name = String(file.dropLast(6))
            return text.contains("package static let name = \"\(name)\"") ? name : nil
        }.sorted()
    }

    /// `RMSNormBackward` becomes `rms_norm_backward`.
    static func snakeCase(_ name: String) -> String {
        let letters = Array(name)
        var result = ""
        for (index, letter) in letters.enumerated() {
            if letter.isUppercase, index > 0 {
                let beginsWord = letters[index - 1].isLowercase || (index + 1 < letters.count && letters[index + 1].isLowercase)
                if beginsWord { result += "_" }
            }
            result += letter.lowercased()
        }
        return result
    }

    @Test func namesBecomeSnakeCase() {
        #expect(Self.snakeCase("RMSNormBackward") == "rms_norm_backward")
        #expect(Self.snakeCase("AdamW") == "adam_w")
        #expect(Self.snakeCase("GatherRows") == "gather_rows")
    }

    @Test func everyOperationHasCasesHere() throws {
        #expect(try Self.operations() == KernelCatalogue.names.sorted())
    }

    @Test(arguments: [
        "Sources/CPUBackend/Kernels/%.swift", "Sources/VulkanBackend/Kernels/%.swift", "Shaders/_.comp",
        "Tests/KernelTests/References/%Reference.swift",
    ])
    func everyOperationHasItsFile(_ place: String) throws {
        for name in try Self.operations() {
            let path = place.replacingOccurrences(of: "%", with: name).replacingOccurrences(
                of: "_.comp", with: Self.snakeCase(name) + ".comp")
            #expect(FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(path).path), "\(path) is missing")
        }
    }
}
