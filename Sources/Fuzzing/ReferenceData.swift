import Foundation
import JSON

/// The reference data from which more inputs are made: Tests/Reference of this checkout, and the
/// larger set (shared/golden) where it is beside the checkout or TALA_SHARED names it.
package enum ReferenceData {
    private static let checkout =
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folders of the sets that are there.
    static let folders: [String] = {
        let named = ProcessInfo.processInfo.environment["TALA_SHARED"]
        let shared = (named ?? checkout.deletingLastPathComponent().path + "/shared") + "/golden"
        return [checkout.path + "/Tests/Reference", shared].filter { FileManager.default.fileExists(atPath: $0) }
    }()

    /// A folder with a tokenizer and a chat template.
    static let chatModel = checkout.path + "/demo/model"

    /// The folder of the tests' own templates, where the checkout is there.
    private static let ownTemplates = checkout.path + "/Tests/TemplatesTests"

    /// The files of a target's folders, at most 1 MiB each.
    package static func inputs(of target: FuzzTarget) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for (path, suffix) in target.folders {
            for folder in path == "Cases" ? [ownTemplates] : folders {
                guard let walk = FileManager.default.enumerator(atPath: folder + "/" + path) else { continue }
                for case let name as String in walk where name.hasSuffix(suffix) {
                    guard let data = FileManager.default.contents(atPath: folder + "/" + path + "/" + name), data.count <= 1 << 20 else {
                        continue
                    }
                    if target.structure == .template, !name.hasSuffix(".jinja") {
                        found += templates(in: data)
                        continue
                    }
                    // A whole file of data is one input, before which stands how it is read.
                    if target.name == "dataset" {
                        for choice in "aeg".utf8 { found.append([choice] + data) }
                        continue
                    }
                    // Of a file of lines each is an input, as is the whole.
                    if name.hasSuffix(".jsonl") { found += data.split(separator: 0x0A).prefix(50).map { Array($0) } }
                    found.append(Array(data))
                }
            }
        }
        // The order of a folder's entries is the file system's; the inputs shall be the same
        // everywhere.
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The templates of a file of cases: JSON with a list, or a case a line.
    private static func templates(in data: Data) -> [[UInt8]] {
        let cases =
            (try? JSONParser().parse(Array(data)))?["cases"]?.array
            ?? data.split(separator: 0x0A).compactMap { try? JSONParser().parse(Array($0)) }
        return cases.compactMap { $0["template"]?.string }.map { Array($0.utf8) }
    }
}
