import Foundation
package import JSON

/// A set of reference data: inputs, and what torch, transformers, PEFT, tokenizers and jinja2
/// computed with them.
///
/// Both sets have the same layout, so that one test reads both: `models/`, `trajectory/`,
/// `tokenizers/`, `templates/`, `malformed/`.
package enum ReferenceSet: String, CaseIterable, Sendable {
    /// Tests/Reference, made by scripts/make-reference: in every clone.
    case own
    /// A second, larger set: `../shared/golden` beside the checkout, or `golden` in the folder that
    /// TALA_SHARED names. Used where it is there.
    case shared

    /// The folder of this checkout.
    package static let checkout: String = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while url.path != "/", !FileManager.default.fileExists(atPath: url.path + "/Package.swift") { url.deleteLastPathComponent() }
        return url.path
    }()

    private static let sharedFolder: String? = {
        let named = ProcessInfo.processInfo.environment["TALA_SHARED"]
        let folder = (named ?? URL(fileURLWithPath: checkout).deletingLastPathComponent().path + "/shared") + "/golden"
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }()

    /// The sets that are there.
    package static let available: [ReferenceSet] = sharedFolder == nil ? [.own] : [.own, .shared]

    package var folder: String {
        switch self {
        case .own: Self.checkout + "/Tests/Reference"
        case .shared: Self.sharedFolder ?? ""
        }
    }

    package func path(_ name: String) -> String { folder + "/" + name }

    package func json(_ name: String) throws -> JSONNode {
        try JSONParser().parse(Array(Data(contentsOf: URL(fileURLWithPath: path(name)))))
    }

    package func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// A small Llama with a tokenizer, a chat template, `train.jsonl` (208 conversations),
    /// `validation.jsonl` (40) and `masking_golden.json`.
    package var chatModel: String { path(self == .own ? "chat-model" : "stories260k") }

    /// The model that the trajectories begin from.
    package var trajectoryModel: String { self == .own ? Self.checkout + "/demo/model" : chatModel }
}

/// One folder of a set, as the argument of a test.
package struct ReferenceItem: Sendable, Hashable, CustomStringConvertible {
    package let set: ReferenceSet
    package let kind: String
    package let name: String

    package init(_ set: ReferenceSet, _ kind: String, _ name: String) {
        self.set = set
        self.kind = kind
        self.name = name
    }

    /// The folders of this kind of each set that is there; of the named ones only if names are
    /// given.
    package static func all(_ kind: String, _ names: [String]? = nil) -> [ReferenceItem] {
        ReferenceSet.available.flatMap { set in
            let found = (try? FileManager.default.contentsOfDirectory(atPath: set.path(kind)))?.filter { !$0.hasSuffix(".json") } ?? []
            return found.sorted().filter { names?.contains($0) ?? true }.map { ReferenceItem(set, kind, $0) }
        }
    }

    package var path: String { self.set.path("\(kind)/\(name)") }
    package func path(_ file: String) -> String { path + "/" + file }
    package func json(_ file: String) throws -> JSONNode { try set.json("\(kind)/\(name)/\(file)") }
    /// The word under `model_type` in a model's config.json; empty where there is none.
    package var modelType: String { (try? json("config.json")["model_type"]?.string) ?? "" }
    package func text(_ file: String) throws -> String { try String(contentsOfFile: path(file), encoding: .utf8) }
    package var description: String { "\(set.rawValue)/\(name)" }
}
