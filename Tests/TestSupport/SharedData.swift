import Foundation
package import JSON

/// The reference data beside the checkout, where it is there.
package enum SharedData {
    package static let folder: String? = {
        let environment = ProcessInfo.processInfo.environment["TALA_SHARED"]
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        var candidates: [String] = environment.map { [$0] } ?? []
        while url.path != "/" {
            url.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: url.path + "/Package.swift") {
                candidates.append(url.deletingLastPathComponent().path + "/shared")
                break
            }
        }
        return candidates.first { FileManager.default.fileExists(atPath: $0 + "/golden") }
    }()

    package static var isThere: Bool {
        if folder == nil { print("skipped: the reference data (shared/golden) is not beside the checkout; TALA_SHARED may name it") }
        return folder != nil
    }

    package static func path(_ name: String) -> String { (folder ?? "") + "/golden/" + name }

    package static func json(_ name: String) throws -> JSONNode {
        try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: path(name)))))
    }
}
